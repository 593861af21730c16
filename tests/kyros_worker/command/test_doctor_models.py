import json
import os

import pytest

from kyros_worker.command.doctor_models import doctor_models
from tests import scripted_openai as scripted
from tests.live_models import KEY, configured, on

USED = {"prompt_tokens": 40, "completion_tokens": 5, "total_tokens": 45}
TWO = '[models.economy.critic]\nmodel = "local:other"\n[prices."local:other"]\ninput=1\noutput=2\n'


def ready(_):
    return scripted.chat(json.dumps({"ready": True}), usage=USED)


@pytest.fixture
def printed(tmp_path, capsys):
    def run(script=ready, tables=TWO, **how):
        with (
            scripted.ScriptedServer(script) as server,
            configured(tmp_path / "kyros.toml", on(server.url, tables=tables)),
        ):
            code = doctor_models(os.environ, **how)
        return code, capsys.readouterr().out.splitlines(), server.requests

    return run


def test_each_model_is_called_once(printed):
    code, lines, requests = printed()
    assert code == 0
    assert sorted(request.body["model"] for request in requests) == ["mine", "other"]
    mine, other = lines
    assert mine.startswith("ok    local: mine: ")
    assert mine.endswith("40 + 5 tokens, cost unknown: it has no price")
    assert other.endswith("40 + 5 tokens, 0.000050 USD")


@pytest.mark.parametrize(("script", "words"), [
    (lambda _: scripted.error(401, f"Incorrect API key: {KEY}"),
     "The provider refused the credentials: 401 Incorrect API key: [key]"),
    (lambda _: scripted.chat("I am ready!", usage=USED), "not with the JSON object asked for"),
    (lambda _: [scripted.CUT], "connection"),
])  # fmt: skip
def test_one_that_fails_says_why(printed, script, words):
    code, (line, *_), _ = printed(
        lambda request: ready(request) if request.body["model"] == "other" else script(request)
    )
    assert code == 1
    assert line.startswith("FAIL  local: mine: ")
    assert words in line
    assert KEY not in line


def test_as_json(printed):
    code, (line,), _ = printed(
        lambda request: scripted.error(401) if request.body["model"] == "mine" else ready(request),
        as_json=True,
    )
    found = json.loads(line)
    assert (code, found["good"]) == (1, False)
    mine, other = found["checks"]
    assert (mine["name"], mine["good"]) == ("local: mine", False)
    assert mine["found"].startswith("The provider refused the credentials: 401")
    assert (other["name"], other["good"]) == ("local: other", True)
    assert "USD" in other["found"]


def test_without_models_there_is_nothing_to_fail(tmp_path, capsys):
    with configured(tmp_path / "kyros.toml", ""):
        assert doctor_models(os.environ) == 0
    assert "sandbox" in capsys.readouterr().out


def test_a_wrong_configuration_is_told(tmp_path, capsys):
    (tmp_path / "wrong.toml").write_text("[models.economy]\nmodel = 'x'\n")
    assert doctor_models({"KYROS_CONFIG": str(tmp_path / "wrong.toml")}) == 1
    assert "models.economy.model" in capsys.readouterr().out
