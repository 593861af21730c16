"""`/v1/escalations`: asking, listing, deciding, and who may."""

import pytest

from kyros_worker.task.tables import Task
from tests import factories
from tests.credentials import bearer

pytestmark = pytest.mark.usefixtures("no_tasks")

PATH = "/v1/escalations"


@pytest.fixture
def ask(client, admin):
    def ask(headers=None, **body):
        return client.post(PATH, headers={**admin, **(headers or {})}, json=body)

    return ask


@pytest.fixture
def asked(ask):
    """An escalation that waits for a decision."""
    task_id = factories.create()["id"]
    return ask(task_id=task_id, reason="It matters.", priority="high").json["data"]


def test_the_way_of_a_request(client, admin, ask):
    task_id = factories.create()["id"]
    answer = ask(task_id=task_id, reason="Requested via Slack", priority="high")
    assert answer.status_code == 201
    made = answer.json["data"]
    assert made.pop("id").startswith("esc_")
    assert made.pop("estimated_cost_usd") > 0
    assert made.pop("created_at") < made.pop("due_at")
    assert made.pop("requested_by").startswith("key_")
    assert made == {
        "task_id": task_id, "mode": "test", "status": "requested", "role": "implementer",
        "tier": "premium", "reason": "Requested via Slack", "rule": None, "figures": [],
        "priority": "high", "decided_by": None, "comment": None, "four_eyes": False,
        "on_timeout": "reject", "decided_at": None, "completed_at": None,
    }  # fmt: skip
    task = client.get(f"/v1/tasks/{task_id}", headers=admin).json["data"]
    assert (task["status"], task["state"]) == ("in_progress", "awaiting_approval")
    assert task["progress"]["stage"] == "awaiting_approval"


@pytest.mark.parametrize(("verb", "status"), [("approve", "approved"), ("reject", "rejected")])
def test_deciding_once(client, admin, asked, verb, status):
    path = f"{PATH}/{asked['id']}/{verb}"
    answer = client.post(path, headers=admin, json={"comment": "So be it."})
    assert answer.status_code == 200
    data = answer.json["data"]
    assert (data["status"], data["comment"]) == (status, "So be it.")
    again = client.post(path, headers=admin)
    assert (again.status_code, again.json["code"]) == (409, "wrong_state")
    assert again.json["error"] == f"{asked['id']} is {status}: it can't be {status}."
    assert factories.run(asked["task_id"]).state == "completed"


def test_a_decision_needs_no_body(client, admin, asked):
    assert client.post(f"{PATH}/{asked['id']}/approve", headers=admin).status_code == 200


def test_a_repeated_request_is_answered_as_the_first(client, admin, ask):
    task_id = factories.create()["id"]
    body = {"task_id": task_id, "reason": "It matters."}
    first = ask({"Idempotency-Key": "ask-1"}, **body)
    second = ask({"Idempotency-Key": "ask-1"}, **body)
    assert (second.status_code, second.json) == (201, first.json)
    assert second.headers["Idempotent-Replayed"] == "true"


def test_lists(client, admin, asked, ask):
    other = ask(task_id=factories.create()["id"], reason="Me too.").json["data"]
    client.post(f"{PATH}/{other['id']}/reject", headers=admin)

    def ids(query):
        found = client.get(f"{PATH}{query}", headers=admin).json["data"]
        return [one["id"] for one in found["escalations"]]

    assert ids("")[:2] == [other["id"], asked["id"]]
    assert asked["id"] in ids("?status=requested")
    assert other["id"] not in ids("?status=requested")
    assert ids(f"?task_id={asked['task_id']}") == [asked["id"]]
    assert ids("?task_id=nothing") == []
    page = client.get(f"{PATH}?limit=1", headers=admin).json["data"]
    assert (page["has_more"], page["escalations"][0]["id"]) == (True, other["id"])
    assert ids(f"?limit=1&cursor={page['next_cursor']}") == [asked["id"]]
    one = client.get(f"{PATH}/{asked['id']}", headers=admin).json["data"]
    assert one == asked


@pytest.mark.parametrize("state", ["cancelled"])
def test_a_cancelled_task_is_refused(ask, state):
    answer = ask(task_id=factories.in_state(state), reason="Too late.")
    assert (answer.status_code, answer.json["code"]) == (409, "wrong_state")


def test_a_second_request_is_refused(ask, asked):
    answer = ask(task_id=asked["task_id"], reason="Again.")
    assert answer.status_code == 409
    assert asked["id"] in answer.json["error"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "task_id"),
        ({"task_id": "task_1"}, "reason"),
        ({"task_id": "task_1", "reason": ""}, "reason"),
        ({"task_id": "task_1", "reason": "   "}, "reason"),
        ({"task_id": "task_1", "reason": None}, "reason"),
        ({"task_id": "task_1", "reason": "x" * 5000}, "reason"),
        ({"task_id": 1, "reason": "x"}, "task_id"),
        ({"task_id": "task_1", "reason": "x", "priority": "urgent"}, "priority"),
        ({"task_id": "task_1", "reason": "x", "tier": "premium"}, "tier"),
    ],
)
def test_wrong_fields(ask, body, field):
    answer = ask(**body)
    assert answer.status_code == 422
    assert field in [one["field"] for one in answer.json["details"]]


def test_what_is_not_there(client, admin, ask):
    assert ask(task_id="task_0000000000000", reason="x").status_code == 404
    for path in ("esc_0000000000000", "x", "task_0000000000000", "%00"):
        assert client.get(f"{PATH}/{path}", headers=admin).status_code == 404
        assert client.post(f"{PATH}/{path}/approve", headers=admin).status_code == 404


def test_who_may(client, new_key, asked):
    def headers(*permissions, mode="test"):
        return bearer(new_key(*permissions, mode=mode)["key"])

    asker, reader = headers("escalations:request"), headers("tasks:read")
    path = f"{PATH}/{asked['id']}"
    for verb in ("approve", "reject"):
        refused = client.post(f"{path}/{verb}", headers=asker)
        assert refused.status_code == 403
        assert "escalations:approve" in refused.json["error"]
    body = {"task_id": asked["task_id"], "reason": "x"}
    assert client.post(PATH, headers=reader, json=body).status_code == 403
    assert client.get(path, headers=asker).status_code == 403
    assert client.get(path, headers=reader).status_code == 200
    live = headers("admin", mode="live")
    assert client.get(path, headers=live).status_code == 404
    assert client.post(f"{path}/approve", headers=live).status_code == 404
    assert client.post(PATH, headers=live, json=body).status_code == 404
    assert factories.row(Task, asked["task_id"]).state == "awaiting_approval"
