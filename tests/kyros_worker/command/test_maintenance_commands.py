"""`kyros maintenance` as it is typed, against a scripted API."""

import json

import pytest
from typer.testing import CliRunner

from kyros_worker.command.maintenance_commands import maintenance_app
from tests.kyros_worker.command.scripted_api import KEY, data, refusal

PATH = "/v1/system/maintenance"
OFF = {"enabled": False, "message": None, "changed_by": None, "changed_at": None}
ON = {
    "enabled": True,
    "message": "A move.\x1b[2J",
    "changed_by": "key_1",
    "changed_at": "2026-11-22T23:32:00.000000Z",
}


@pytest.fixture
def run(api, tmp_path, monkeypatch):
    monkeypatch.setenv("KYROS_HOME", str(tmp_path))
    monkeypatch.setenv("KYROS_API_URL", api.url)
    monkeypatch.setenv("KYROS_API_KEY", KEY)
    return lambda *words: CliRunner().invoke(maintenance_app, words)


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        (["on"], {"enabled": True}),
        (["on", "--message", "A move."], {"enabled": True, "message": "A move."}),
        (["off"], {"enabled": False}),
    ],
)
def test_change(api, run, words, sent):
    api.answers(data(ON))
    done = run(*words)
    assert (done.exit_code, done.stderr) == (0, "")
    assert (api.asked[0].method, api.asked[0].path, api.asked[0].json) == ("POST", PATH, sent)
    assert done.stdout == (
        "Maintenance is on since 2026-11-22T23:32:00Z, by key_1.\n  | A move.\\x1b[2J\n"
    )
    assert json.loads(run(*words, "--json").stdout) == ON


def test_status(api, run):
    api.answers(data(OFF))
    assert run("status").stdout == "Maintenance is off.\n"
    assert (api.asked[0].method, api.asked[0].path) == ("GET", PATH)
    assert json.loads(run("status", "--json").stdout) == OFF


@pytest.mark.parametrize("word", ["on", "off", "status"])
def test_a_refusal_is_exit_code_1(api, run, word):
    api.answers(refusal(403, "This needs the permission admin."))
    done = run(word)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "kyros: This needs the permission admin.\n"


def test_what_is_no_maintenance_is_not_this_api(api, run):
    api.answers(data({"id": "x"}))
    assert run("status").exit_code == 1
