"""Flower of a running stack: what it shows of real work, to whom, and that it remembers."""

import json
import time
from typing import Any

import httpx
import pytest

from tests.acceptance.stack import Deployment
from tests.eventually import eventually

CANARY = "CaNaRy"
#: What Flower calls a job that has ended, well or not.
ENDED = {"SUCCESS", "FAILURE", "RETRY"}
FLEETS = {"implementer", "critic", "integrator", "webhooks"}


@pytest.fixture
def watched(stack: Deployment) -> Deployment:
    """A running stack whose Flower hears every fleet: it starts beside them, and a moment later."""
    eventually(lambda: _fleets(stack) == FLEETS, 60, "Flower hears the fleets")
    return stack


def ask(stack: Deployment, path: str, password: str | None = None) -> httpx.Response:
    known = stack.told["flower_password"] if password is None else password
    url = f"http://127.0.0.1:{stack.told['flower_port']}/{path}"
    return httpx.get(url, auth=("kyros", known), trust_env=False, timeout=30)


def jobs_of(stack: Deployment, task_id: str) -> list[dict[str, Any]]:
    """What Flower's API says of a task's jobs, in the order in which they began."""
    found = ask(stack, "api/tasks?limit=1000").raise_for_status().json().values()
    return sorted(
        (one for one in found if one["args"] and task_id in one["args"]),
        key=lambda one: one["received"],
    )


def told(stack: Deployment, task_id: str, count: int) -> list[dict[str, Any]]:
    """The jobs of a task as soon as Flower has heard of the end of so many."""

    def ended() -> list[dict[str, Any]]:
        found = jobs_of(stack, task_id)
        return found if sum(one["state"] in ENDED for one in found) == count else []

    return eventually(ended, 20, "Flower has heard of it")


def test_who_does_not_know_the_password_sees_nothing(watched):
    port = watched.told["flower_port"]
    for path in ("", "tasks", "api/tasks", "api/workers", "broker"):
        assert ask(watched, path, password="guess").status_code == 401
        answer = httpx.get(f"http://127.0.0.1:{port}/{path}", trust_env=False)
        assert answer.status_code == 401
        # Its API answers programs, which no browser is to ask a person for.
        assert ("WWW-Authenticate" in answer.headers) == (not path.startswith("api/"))
        assert ask(watched, path).status_code == 200


def test_it_shows_work_by_ids_and_what_came_of_it(watched):
    slow = watched.create({"implementer": {"delay_seconds": 15}}, title=CANARY, priority="high")

    def started() -> list[dict[str, Any]]:
        return [one for one in jobs_of(watched, slow["id"]) if one["state"] == "STARTED"]

    (running,) = eventually(started, 20, "it shows what runs")
    assert running["runtime"] is None
    watched.wait_final(slow, seconds=60)
    shown = told(watched, slow["id"], 3)
    roles = ("implementer", "critic", "integrator")
    for job, role in zip(shown, roles, strict=True):
        assert (job["name"], job["state"], job["result"]) == (
            "submission.run", "SUCCESS", "completed",
        )  # fmt: skip
        priority, task_id, shown_role, submission_id = job["args"].split(", ")
        assert (priority, task_id, shown_role) == ("high", slow["id"], role)
        assert submission_id.startswith("sub_")
        assert job["worker"].startswith(f"{role}@")
    # True however busy the machine is: the call itself took fifteen seconds.
    assert shown[0]["runtime"] >= 15
    assert shown[0]["succeeded"] - shown[0]["started"] >= 15
    assert CANARY not in json.dumps(shown)


def test_failed_and_repeated_work_reads_as_such(watched):
    failing = watched.create(
        {"error": "server_error", "error_times": 9}, type="review", title=CANARY
    )
    watched.wait_final(failing, seconds=90)
    passes = len(watched.calls(failing["id"]))
    shown = told(watched, failing["id"], passes)
    states = [one["state"] for one in shown]
    assert states.count("FAILURE") == 1 + len(watched.escalations(failing["id"]))
    assert set(states) == {"RETRY", "FAILURE"}
    for job in shown:
        assert job["exception"] in (
            "SubmissionError('retrying')",
            'SubmissionError("failed: the task\'s timeline says why")',
        )
    assert CANARY not in json.dumps(shown)


@pytest.mark.long
def test_what_it_saw_survives_its_death_and_a_restart(watched):
    task = watched.create()
    watched.wait_final(task)
    before = told(watched, task["id"], 3)
    at = time.time()
    eventually(lambda: _saved_at(watched) > at, 40, "it has saved")
    watched.kill_group("flower")
    assert eventually(lambda: _jobs(watched, task), 40, "it is back") == before
    watched.down()
    watched.up()
    assert eventually(lambda: _jobs(watched, task), 40, "it is back") == before


def _saved_at(stack: Deployment) -> float:
    """When Flower last wrote what it knows; which files these are is the dbm module's choice."""
    files = [one for one in stack.home.flower.glob("flower.db*") if ".tmp" not in one.name]
    return max((one.stat().st_mtime for one in files), default=0)


def _fleets(stack: Deployment) -> set[str]:
    """The fleets that Flower knows to be online; none while it does not answer."""
    try:
        shown = ask(stack, "api/workers?refresh=1&status=1").raise_for_status().json()
    except (httpx.TransportError, httpx.HTTPStatusError):
        return set()
    return {name.partition("@")[0] for name, online in shown.items() if online}


def _jobs(stack: Deployment, task: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        return jobs_of(stack, task["id"])
    except (httpx.TransportError, httpx.HTTPStatusError):
        return []
