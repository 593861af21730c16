"""`POST /v1/agents/{role}/submit`."""

import pytest

from kyros_worker.task.tables import Task
from tests import factories

pytestmark = pytest.mark.usefixtures("no_tasks")

PATH = "/v1/agents/{}/submit"


@pytest.fixture
def submit(client, admin):
    def submit(role="implementer", headers=None, **body):
        return client.post(PATH.format(role), headers={**admin, **(headers or {})}, json=body)

    return submit


def test_right_after_creation_it_is_the_same_submission(submit):
    made = factories.create()
    answer = submit(task_id=made["id"], context={"repository_state": "main", "free": [1]})
    assert answer.status_code == 202
    assert answer.json == {
        "success": True,
        "data": {
            "submission_id": made["submission_id"],
            "task_id": made["id"],
            "role": "implementer",
            "status": "queued",
        },
    }
    assert factories.row(Task, made["id"]).context == {"repository_state": "main", "free": [1]}


@pytest.mark.parametrize("body", [{}, {"context": None}, {"context": {}}])
def test_without_a_context(submit, body):
    assert submit(task_id=factories.create()["id"], **body).status_code == 202


@pytest.mark.parametrize("state", ["running", "completed", "failed", "cancelled"])
def test_in_other_states(submit, client, admin, state):
    task_id = factories.in_state(state)
    before = factories.current_submission(task_id)
    answer = submit(task_id=task_id, context={"free": 1})
    assert answer.status_code == 202
    assert answer.json["data"]["submission_id"] != before
    task = client.get(f"/v1/tasks/{task_id}", headers=admin).json["data"]
    assert task["submission_id"] == answer.json["data"]["submission_id"]
    assert task["status"] == ("in_progress" if state == "running" else "pending")


@pytest.mark.parametrize("role", ["nobody", "Implementer", "x" * 1000, "%00", "critic%20"])
def test_an_unknown_role(submit, role):
    answer = submit(role, task_id=factories.create()["id"])
    assert answer.status_code == 404


def test_an_unknown_task_ends_polling_loops(submit):
    answer = submit(task_id="task_0000000000000")
    assert answer.status_code == 404
    assert answer.json["data"]["status"] == "failed"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "task_id"),
        ({"task_id": None}, "task_id"),
        ({"task_id": 1}, "task_id"),
        ({"task_id": ""}, "task_id"),
        ({"task_id": "t", "context": []}, "context"),
        ({"task_id": "t", "context": {"files": []}}, "context"),
        ({"task_id": "t", "contxt": {}}, "contxt"),
    ],
)
def test_wrong_bodies(submit, body, field):
    answer = submit(**body)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json["details"]] == [field]


def test_contexts_too_large_together(submit):
    half = "x" * (600 * 1024)
    task_id = factories.create(context={"files": {"a": half}})["id"]
    answer = submit(task_id=task_id, context={"files": {"b": half}})
    assert (answer.status_code, answer.json["details"][0]["field"]) == (422, "context")
    assert submit(task_id=task_id, context={"files": {"a": half}}).status_code == 202


def test_a_key_submits_once(submit):
    task_id = factories.in_state("running")
    first, again = (
        submit(headers={"Idempotency-Key": "one"}, task_id=task_id, context={"a": 1})
        for _ in range(2)
    )
    assert first.status_code == again.status_code == 202
    assert first.json["data"] == again.json["data"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(factories.submissions(task_id)) == 2
    other = submit("critic", headers={"Idempotency-Key": "one"}, task_id=task_id, context={"a": 1})
    assert other.status_code == 409
