"""`kyros escalations` as it is typed, against a scripted API."""

import json

import pytest
from typer.testing import CliRunner

from kyros_worker.command.escalation_commands import escalations_app
from kyros_worker.command.task_commands import task_app
from tests.kyros_worker.command.scripted_api import KEY, data, refusal

ID = "esc_17953903388844524678222"
TASK = "task_17953903388844524678222"
ASKED = {
    "id": ID,
    "task_id": TASK,
    "mode": "test",
    "status": "requested",
    "role": "implementer",
    "tier": "premium",
    "reason": "The implementer's confidence 0.20 is below 0.50.\x1b[2J",
    "rule": "unsure",
    "figures": [],
    "priority": "high",
    "requested_by": "system",
    "decided_by": None,
    "comment": None,
    "four_eyes": True,
    "estimated_cost_usd": 0.25,
    "on_timeout": "reject",
    "due_at": "2026-11-23T03:32:00.000000Z",
    "created_at": "2026-11-22T23:32:00.000000Z",
    "decided_at": None,
    "completed_at": None,
}
COMPLETED = ASKED | {
    "status": "completed",
    "rule": None,
    "requested_by": "key_1",
    "decided_by": "key_2",
    "decided_at": "2026-11-22T23:33:00.000000Z",
    "completed_at": "2026-11-22T23:34:00.000000Z",
    "comment": "Do it.\nNow.",
    "four_eyes": False,
    "estimated_cost_usd": None,
}


@pytest.fixture
def typed(api, tmp_path, monkeypatch):
    monkeypatch.setenv("KYROS_HOME", str(tmp_path))
    monkeypatch.setenv("KYROS_API_URL", api.url)
    monkeypatch.setenv("KYROS_API_KEY", KEY)
    return lambda app, *words: CliRunner().invoke(app, words)


@pytest.fixture
def run(typed):
    return lambda *words: typed(escalations_app, *words)


def test_list_passes_the_filters_on(api, run):
    api.answers(data({"escalations": [ASKED, COMPLETED], "next_cursor": "c", "has_more": True}))
    done = run("list", "--status", "requested", "--task", TASK, "--limit", "2")
    assert api.asked[0].path == f"/v1/escalations?status=requested&task_id={TASK}&limit=2"
    header, first, second = done.stdout.splitlines()
    assert header.split()[:3] == ["id", "status", "task"]
    assert first.split()[:5] == [ID, "requested", TASK, "implementer", "unsure"]
    assert "$0.2500 test" in first
    assert "\\x1b[2J" in first
    assert "(a person)" in second
    assert "--limit" in done.stderr
    assert json.loads(run("list", "-n", "2", "--json").stdout)["has_more"] is True


def test_list_of_nothing(api, run):
    api.answers(data({"escalations": [], "next_cursor": None, "has_more": False}))
    assert run("list").stdout == "No escalation is like that.\n"


def test_show_what_is_to_be_decided(api, run):
    api.answers(data(ASKED))
    done = run("show", ID)
    assert api.asked[0].path == f"/v1/escalations/{ID}"
    assert (
        done.stdout
        == f"""\
{ID}  requested
  The implementer's confidence 0.20 is below 0.50.\\x1b[2J
  task {TASK}, priority high
  the implementer on the premium tier, $0.2500 test-mode money at most for its first call
  requested 2026-11-22T23:32:00Z by the rule unsure, by system
  it is rejected at 2026-11-23T03:32:00Z if nobody decides
  who asked may not approve it
  kyros escalations approve {ID}
  kyros escalations reject {ID}
"""
    )
    assert json.loads(run("show", ID, "--json").stdout) == ASKED


def test_show_what_was_decided(api, run):
    api.answers(data(COMPLETED))
    assert run("show", ID).stdout.splitlines()[3:] == [
        "  the implementer on the premium tier, cost not known",
        "  requested 2026-11-22T23:32:00Z, by key_1",
        "  decided 2026-11-22T23:33:00Z by key_2",
        "  | Do it.",
        "  | Now.",
        "  completed 2026-11-22T23:34:00Z",
    ]


def test_request_prints_the_id(api, run):
    api.answers(data(ASKED, 201))
    done = run("request", TASK, "--reason", "It matters.", "--priority", "high")
    assert (done.exit_code, done.stdout) == (0, f"{ID}\n")
    assert done.stderr == "It waits for somebody's approval.\n"
    assert api.asked[0].path == "/v1/escalations"
    assert api.asked[0].json == {"task_id": TASK, "reason": "It matters.", "priority": "high"}
    assert json.loads(run("request", TASK, "--reason", "x", "--json").stdout) == ASKED


@pytest.mark.parametrize(("verb", "status"), [("approve", "approved"), ("reject", "rejected")])
def test_decide(api, run, verb, status):
    decided = COMPLETED | {"status": status}
    api.answers(data(decided))
    done = run(verb, ID, "--comment", "Do it.")
    assert (done.exit_code, done.stdout) == (0, f"{ID} is {status}.\n")
    assert api.asked[0].path == f"/v1/escalations/{ID}/{verb}"
    assert api.asked[0].json == {"comment": "Do it."}
    assert json.loads(run(verb, ID, "--json").stdout) == decided
    assert api.asked[1].json == {}


@pytest.mark.parametrize("words", [("show", ID), ("approve", ID), ("reject", ID), ("list",),
                                   ("request", TASK, "--reason", "x")])  # fmt: skip
def test_a_refusal_is_exit_code_1(api, run, words):
    api.answers(refusal(409, f"{ID} is approved: it can't be rejected."))
    done = run(*words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"kyros: {ID} is approved: it can't be rejected.\n"


@pytest.mark.parametrize("words", [("request", TASK), ("approve",), ("list", "--limit", "0")])
def test_what_is_typed_wrong_is_exit_code_2(api, run, words):
    assert run(*words).exit_code == 2
    assert api.asked == []


def test_what_is_no_escalation_is_not_this_api(api, run):
    api.answers(data({"id": ID}))
    assert run("show", ID).exit_code == 1


def test_show_of_a_parked_task_tells_how_to_decide(api, typed, make_task):
    page = {"escalations": [ASKED], "next_cursor": None, "has_more": False}
    task = make_task(state="awaiting_approval", status="in_progress")
    api.answers(lambda asked: data(page if "escalations" in asked.path else task))
    shown = typed(task_app, "show", TASK).stdout
    assert "Waits for a decision\n  The implementer's confidence" in shown
    assert f"  kyros escalations approve {ID}\n" in shown
    assert len(api.asked) == 2
    assert json.loads(typed(task_app, "show", TASK, "--json").stdout) == task
    assert len(api.asked) == 3
