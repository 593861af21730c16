"""`kyros alerts` as it is typed, against a scripted API."""

import json

import pytest
from typer.testing import CliRunner

from kyros_worker.command.alert_commands import alert_app
from tests.kyros_worker.command.scripted_api import KEY, data, refusal

OPEN = {
    "id": "alr_2", "alert": "queue_age critic", "kind": "queue_age", "mode": None,
    "message": "Work waits.\x1b[2J", "status": "raised", "data": {},
    "raised_at": "2026-11-22T23:32:00.000000Z", "resolved_at": None,
}  # fmt: skip
OVER = OPEN | {"id": "alr_1", "status": "resolved", "resolved_at": "2026-11-22T23:40:00.000000Z"}


@pytest.fixture
def run(api, tmp_path, monkeypatch):
    monkeypatch.setenv("KYROS_HOME", str(tmp_path))
    monkeypatch.setenv("KYROS_API_URL", api.url)
    monkeypatch.setenv("KYROS_API_KEY", KEY)
    return lambda *words: CliRunner().invoke(alert_app, words)


def page(*alerts):
    return data({"alerts": list(alerts), "next_cursor": None, "has_more": False})


def test_a_line_each(api, run):
    api.answers(page(OPEN, OVER))
    done = run("--status", "raised")
    assert (done.exit_code, done.stderr) == (0, "")
    assert api.asked[0].path == "/v1/monitoring/alerts?status=raised&limit=50"
    assert done.stdout == (
        "2026-11-22T23:32:00Z open queue_age critic Work waits.\\x1b[2J\n"
        "2026-11-22T23:32:00Z until 2026-11-22T23:40:00Z queue_age critic Work waits.\\x1b[2J\n"
    )
    assert json.loads(run("--json").stdout)["alerts"] == [OPEN, OVER]


def test_none(api, run):
    api.answers(page())
    assert run().stdout == "There is no alert like that.\n"


def test_a_refusal_is_exit_code_1(api, run):
    api.answers(refusal(403, "This needs the permission monitoring:read."))
    done = run()
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "kyros: This needs the permission monitoring:read.\n"
