"""The sweeps: found by state and time in Postgres, each row in a transaction of its own."""

from datetime import timedelta

import pytest
from psycopg2 import OperationalError as PsycopgError
from sqlalchemy import func
from sqlalchemy.exc import OperationalError

from kyros_worker.database import engine
from kyros_worker.dispatch import sweeps
from kyros_worker.submission.tables import Submission
from kyros_worker.task import cancel
from kyros_worker.task.tables import Task
from tests import factories
from tests.statements import statements

YESTERDAY = func.now() - timedelta(days=1)


def overdue(state="queued"):
    task_id = factories.in_state(state, deadline_seconds=90)
    factories.change(Task, task_id, deadline_at=YESTERDAY)
    return task_id


@pytest.mark.parametrize("state", ["queued", "running", "between", "waiting", "awaiting_approval"])
def test_a_task_past_its_deadline_fails(no_tasks, state):
    task_id, other = overdue(state), factories.in_state(state)
    before = factories.row(Task, other)
    sweeps.deadlines()
    task = factories.row(Task, task_id)
    assert (task.state, task.status) == ("failed", "failed")
    assert task.error == "The deadline passed: the task was not done within 90 s."
    assert all(one.state != "running" for one in factories.submissions(task_id))
    assert factories.types(task_id)[-1] == "task.failed"
    assert factories.row(Task, other) == before
    sweeps.deadlines()
    assert factories.row(Task, task_id) == task


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
def test_what_has_ended_has_no_deadline(no_tasks, state):
    task_id = overdue(state)
    before = factories.row(Task, task_id)
    sweeps.deadlines()
    assert factories.row(Task, task_id) == before


def test_a_deadline_that_begins_anew_is_the_new_one(no_tasks):
    task_id = overdue()
    factories.change(Task, task_id, deadline_at=func.now() + timedelta(seconds=60))
    sweeps.deadlines()
    assert factories.row(Task, task_id).state == "queued"


def test_expired_leases(no_tasks):
    dead, alive = factories.in_state("running"), factories.in_state("running")
    factories.expire(factories.current_submission(dead))
    sweeps.expired_leases()
    states = [
        factories.row(Submission, factories.current_submission(one)).state for one in (dead, alive)
    ]
    assert states == ["queued", "running"]
    assert factories.run(dead).state == "completed"


def test_raise_waiting(no_tasks):
    made = {name: factories.create(priority=name)["submission_id"] for name in ("low", "critical")}
    fresh = factories.create(priority="low")["submission_id"]
    running = factories.begin(factories.create(priority="low")["submission_id"]).submission_id
    later = func.now() + timedelta(hours=1)
    for one in (*made.values(), running):
        factories.change(Submission, one, waiting_since=YESTERDAY, publish_at=later, published=3)
    for turn in range(1, 5):
        sweeps.raise_waiting()
        low = factories.row(Submission, made["low"])
        assert low.priority == max(3 - turn, 0)
        if turn <= 3:
            assert (low.publish_at, low.waiting_since) > (low.created_at, low.created_at)
            assert factories.row(Submission, made["low"]).publish_at <= low.waiting_since
            sweeps.raise_waiting()
            assert factories.row(Submission, made["low"]) == low, "ten minutes begin anew"
        factories.change(Submission, made["low"], waiting_since=YESTERDAY, publish_at=later)
    assert factories.row(Submission, made["critical"]).priority == 0
    assert factories.row(Submission, fresh).priority == 3
    assert factories.row(Submission, running).priority == 3


def test_a_fault_with_one_does_not_hold_up_the_others(no_tasks, monkeypatch, caplog):
    first, broken, last = overdue(), overdue(), overdue()
    original = cancel.fail_past_deadline

    def fails(connection, task_id):
        original(connection, task_id)
        if task_id == broken:
            raise ValueError("a bug")

    monkeypatch.setattr(sweeps, "fail_past_deadline", fails)
    sweeps.deadlines()
    assert [factories.row(Task, one).state for one in (first, broken, last)] == [
        "failed", "queued", "failed",
    ]  # fmt: skip
    assert broken in caplog.text


def test_when_postgres_goes_away_the_sweep_ends(no_tasks, monkeypatch):
    overdue()

    def gone(connection, task_id):
        raise OperationalError("SELECT 1", {}, PsycopgError("gone"))

    monkeypatch.setattr(sweeps, "fail_past_deadline", gone)
    with pytest.raises(OperationalError):
        sweeps.deadlines()


def test_old_answers(schema):
    sweeps.old_answers()


@pytest.mark.parametrize("sweep", [sweeps.deadlines, sweeps.expired_leases, sweeps.raise_waiting])
def test_with_nothing_to_do_a_sweep_is_one_statement(no_tasks, sweep):
    factories.create()
    with statements(engine()) as seen:
        sweep()
    assert len(seen) == 1
