"""Claims: compare-and-set on state and claim number."""

import time
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from kyros_worker.bulk import Writes
from kyros_worker.database import read, transaction
from kyros_worker.submission import claim
from kyros_worker.submission.end import end_submission
from kyros_worker.submission.tables import Submission
from kyros_worker.task.change import lock_task
from tests import factories


@pytest.fixture
def queued(no_tasks):
    """The id of a submission that waits."""
    return factories.create()["submission_id"]


def call(function, *args, **kwargs):
    with transaction() as connection:
        return function(connection, *args, **kwargs)


def take(submission_id, worker, lease_seconds):
    """The claimed submission, or None."""
    task_id = row(submission_id).task_id
    found = call(claim.claim, [submission_id], [task_id], worker, lease_seconds)
    return found[0] if found else None


def give_back(submission_id, number, **values):
    return changed(submission_id, claim.give_back, number, **values)


def finish(submission_id, number, **values):
    return changed(submission_id, claim.finish, number, **values)


def changed(submission_id, end, number, **values):
    """Whether the end of a claim was written: it still stood."""
    before = row(submission_id)
    with transaction() as connection:
        writes = Writes()
        end(writes, (submission_id, number), **values)
        writes.execute(connection)
    return row(submission_id) != before


def row(submission_id):
    return factories.row(Submission, submission_id)


def database_time():
    with read() as connection:
        return connection.execute(select(func.clock_timestamp())).scalar_one()


def test_claim(queued):
    found = take(queued, "one", 15)
    assert (found["state"], found["claim"], found["claimed_by"]) == ("running", 1, "one")
    left = (found["lease_expires_at"] - database_time()).total_seconds()
    assert left == pytest.approx(15, abs=2)
    assert found["started_at"] is not None
    assert take(queued, "two", 15) is None
    assert row(queued).claimed_by == "one"


@pytest.mark.parametrize("state", ["completed", "failed", "superseded", "cancelled", "running"])
def test_only_what_is_queued_is_claimed(queued, state):
    factories.change(Submission, queued, state=state)
    assert take(queued, "one", 15) is None
    assert row(queued).state == state


def test_the_first_start_is_kept(queued):
    first = take(queued, "one", 15)["started_at"]
    assert give_back(queued, 1)
    assert take(queued, "two", 15)["started_at"] == first


def test_renew(queued):
    before = take(queued, "one", 15)["lease_expires_at"]
    assert call(claim.renew, [(queued, 1), (queued, 2), ("sub_1", 1)], 25) == {(queued, 1)}
    assert row(queued).lease_expires_at > before
    assert call(claim.still_held, [(queued, 1), (queued, 0)]) == {(queued, 1)}
    give_back(queued, 1)
    assert call(claim.renew, [(queued, 1)], 25) == set()
    assert call(claim.still_held, [(queued, 1)]) == set()


@pytest.mark.parametrize("held", [0, 2, 99])
def test_another_claim_number_changes_nothing(queued, held):
    take(queued, "one", 15)
    before = row(queued)
    assert finish(queued, held, state="completed", answer={}) is False
    assert give_back(queued, held, tries=1) is False
    assert row(queued) == before


def test_finish(queued):
    take(queued, "one", 15)
    assert finish(queued, 1, state="completed", answer={"a": 1}) is True
    done = row(queued)
    assert (done.state, done.answer, done.claimed_by, done.lease_expires_at) == (
        "completed", {"a": 1}, None, None,
    )  # fmt: skip
    assert done.ended_at is not None
    assert finish(queued, 1, state="failed") is False
    assert give_back(queued, 1) is False
    assert row(queued) == done


@pytest.mark.parametrize("pause", [0, 30])
def test_give_back(queued, pause):
    factories.change(Submission, queued, published=4, published_at=func.now())
    take(queued, "one", 15)
    assert give_back(queued, 1, pause=pause, tries=1) is True
    back = row(queued)
    assert (back.state, back.tries, back.published, back.claimed_by) == ("queued", 1, 0, None)
    assert (back.due_at - database_time()).total_seconds() == pytest.approx(pause, abs=2)
    assert timedelta() <= back.publish_at - back.due_at < timedelta(seconds=1)
    assert back.waiting_since >= back.due_at
    assert (take(queued, "two", 15) is None) == (pause > 0)


def test_a_lease_that_expired_is_still_held_until_it_is_taken(queued):
    """Nobody else may run it before the sweep says so; until then its answer counts."""
    take(queued, "one", 0)
    while row(queued).lease_expires_at >= database_time():
        time.sleep(0.01)
    assert finish(queued, 1, state="completed") is True


@pytest.mark.parametrize("state", ["cancelled", "superseded"])
@pytest.mark.parametrize("running", [True, False])
def test_end(queued, state, running):
    if running:
        take(queued, "one", 15)
    assert call(claim.end, queued, state)["state"] == state
    assert call(claim.still_held, [(queued, 1)]) == set()
    assert call(claim.end, queued, "cancelled") is None
    assert row(queued).state == state
    assert take(queued, "two", 15) is None


def test_ending_what_has_ended_tells_nothing(no_tasks):
    task_id = factories.in_state("completed")
    with transaction() as connection:
        task = lock_task(connection, task_id)
        assert end_submission(connection, task, task["submission_id"], "cancelled", None) == []
