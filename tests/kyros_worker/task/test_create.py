"""Creating tasks: with a submission and events each, all or none, and one for a key."""

import pytest
from sqlalchemy import func, select

from kyros_worker.auth.subject import Subject
from kyros_worker.cost.tables import ModelCall
from kyros_worker.database import read
from kyros_worker.errors import InvalidError
from kyros_worker.event.tables import Event
from kyros_worker.model.catalog import ModelNotConfiguredError
from kyros_worker.submission.tables import Submission
from kyros_worker.task.create import create_task
from kyros_worker.task.queries import get_task
from kyros_worker.task.tables import Task
from tests import factories
from tests.at_once import at_once

LIVE = Subject("key_0000000000002", "live", frozenset({"admin"}))


def counts():
    with read() as connection:
        return [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (Task, Submission, Event, ModelCall)
        ]


def test_one(no_tasks):
    made = factories.create(priority="critical")
    assert counts() == [1, 1, 2, 0]
    (submission,) = factories.submissions(made["id"])
    assert submission.id == made["submission_id"]
    assert (submission.role, submission.state, submission.tier) == (
        "implementer", "queued", "economy",
    )  # fmt: skip
    assert (submission.priority, submission.run, submission.claim) == (0, 1, 0)
    assert submission.request_id == "req_1"
    assert factories.types(made["id"]) == ["task.created", "submission.queued"]
    with read() as connection:
        assert get_task(connection, made["id"], "test") == made


def test_defaults(no_tasks):
    made = factories.create()
    expected = {
        "description": "", "type": "implementation", "priority": "medium",
        "assignee_role": "implementer", "acceptance_criteria": [], "files_to_modify": [],
        "complexity": None, "deadline_seconds": 86_400, "dedupe_key": None, "mode": "test",
        "status": "pending", "state": "queued", "cancelled": False, "result": None, "error": None,
        "cost_usd": 0, "model_tier": None, "escalated": False, "started_at": None,
        "completed_at": None, "created_by": factories.WHO.id,
        "progress": {"percentage": 0, "stage": "queued", "message": "Waiting for a worker."},
    }  # fmt: skip
    assert {name: made[name] for name in expected} == expected
    assert made["created_at"] == made["updated_at"]
    assert made["url"].endswith(f"/tasks/{made['id']}")


@pytest.mark.parametrize(
    ("task_type", "role"),
    [("review", "critic"), ("deployment", "integrator"), ("audit", "implementer")],
)
def test_the_first_role_follows_from_the_type(no_tasks, task_type, role):
    made = factories.create(type=task_type)
    assert made["assignee_role"] == role
    assert factories.submissions(made["id"])[0].role == role


def test_a_batch_keeps_its_order(no_tasks):
    made = factories.create_all(*(factories.new_task(title=f"No. {n}") for n in range(1000)))
    assert [one["title"] for one in made] == [f"No. {n}" for n in range(1000)]
    assert counts() == [1000, 1000, 2000, 0]


@pytest.mark.parametrize("wrong", [0, 2, 4])
def test_all_or_none(no_tasks, wrong):
    batch = [factories.new_task() for _ in range(5)]
    batch[wrong] = factories.new_task(sandbox={"confidence": 2, "eror": "timeout"})
    with pytest.raises(InvalidError) as refused:
        factories.create_all(*batch)
    assert {one.field for one in refused.value.details} == {
        f"tasks[{wrong}].metadata.sandbox.confidence",
        f"tasks[{wrong}].metadata.sandbox.eror",
    }
    assert counts() == [0, 0, 0, 0]


def test_a_task_that_came_alone_is_named_by_its_field(no_tasks):
    new = factories.new_task(sandbox={"score": -1})
    with pytest.raises(InvalidError) as alone:
        create_task(new, factories.WHO, "req_1")
    with pytest.raises(InvalidError) as in_a_batch:
        factories.create_all(new)
    assert [one.field for one in alone.value.details] == ["metadata.sandbox.score"]
    assert [one.field for one in in_a_batch.value.details] == ["tasks[0].metadata.sandbox.score"]


def test_a_thousand_wrong_tasks_are_not_listed_without_end(no_tasks):
    wrong = [factories.new_task(sandbox=dict.fromkeys(map(str, range(50)), 1))] * 100
    with pytest.raises(InvalidError) as refused:
        factories.create_all(*wrong)
    assert len(refused.value.details) == 1000


def test_live_work_needs_a_model(no_tasks):
    with pytest.raises(ModelNotConfiguredError, match="KYROS_CONFIG"):
        factories.create(who=LIVE)
    assert counts() == [0, 0, 0, 0]


def test_a_newer_task_supersedes_the_unfinished_of_its_key(no_tasks):
    older = factories.in_state("running", dedupe_key="pull 1")
    finished = factories.in_state("completed", dedupe_key="pull 2")
    other = factories.create(dedupe_key="pull 3")["id"]
    newer = factories.create(dedupe_key="pull 1")
    factories.create(dedupe_key="pull 2")
    task = factories.row(Task, older)
    assert (task.state, task.error) == ("cancelled", f"superseded by {newer['id']}")
    assert factories.types(older)[-3:] == ["call.aborted", "submission.cancelled", "task.cancelled"]
    assert factories.row(Task, finished).state == "completed"
    assert factories.row(Task, other).state == "queued"
    assert newer["state"] == "queued"


def test_a_key_belongs_to_a_mode(no_tasks):
    live = factories.create(dedupe_key="pull 1")["id"]
    factories.change(Task, live, mode="live")
    factories.create(dedupe_key="pull 1")
    assert factories.row(Task, live).state == "queued"


def test_within_a_batch_the_last_of_a_key_stays(no_tasks):
    keys = ["a", "b", "a", None, "a", None]
    made = factories.create_all(*(factories.new_task(dedupe_key=key) for key in keys))
    assert [one["state"] for one in made] == [
        "cancelled", "queued", "cancelled", "queued", "queued", "queued",
    ]  # fmt: skip
    for index in (0, 2):
        assert made[index]["error"] == f"superseded by {made[4]['id']}"
        assert factories.types(made[index]["id"])[-1] == "task.cancelled"
        with read() as connection:
            assert get_task(connection, made[index]["id"], "test") == made[index]


def test_of_many_at_once_one_stays(no_tasks):
    """Each of these cancels every other that was there before it."""

    def make(_):
        return [factories.create(dedupe_key=key)["id"] for key in ("x", "y")]

    for _ in range(5):
        made = [one for pair in at_once(make, range(6)) for one in pair]
        states = [factories.row(Task, one).state for one in made]
        assert states.count("queued") == 2
        assert states.count("cancelled") == 10
        for one in made:
            assert factories.types(one).count("task.cancelled") <= 1


def test_batches_of_the_same_keys_at_once_do_not_wait_for_each_other_for_ever(no_tasks):
    def make(keys):
        return factories.create_all(*(factories.new_task(dedupe_key=key) for key in keys))

    for _ in range(5):
        at_once(make, ["abc", "cba"] * 2)
    with read() as connection:
        left = select(Task.dedupe_key).where(Task.state == "queued")
        assert sorted(connection.execute(left).scalars()) == ["a", "b", "c"]
