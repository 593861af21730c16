"""The Celery entry point: what it does when it may not work now."""

from types import SimpleNamespace

import pytest
from celery.exceptions import Reject, Retry
from sqlalchemy.exc import OperationalError

from kyros_worker.submission.tables import Submission
from kyros_worker.task import perform
from kyros_worker.task.tables import Task
from tests import factories


@pytest.fixture
def jobs(no_tasks):
    # The module makes the Celery application, which asks for the broker's address.
    from kyros_worker.task import jobs

    return jobs


@pytest.fixture
def review(jobs):
    """The id of a submission whose answer completes its task."""
    return factories.create(type="review")["submission_id"]


def state_of(submission_id):
    return factories.row(Task, factories.row(Submission, submission_id).task_id).state


def test_a_message_is_worked_on(jobs, review):
    assert jobs.run_submission(review) == "completed"
    assert state_of(review) == "completed"
    assert jobs.run_submission(review) == "nothing to do"
    assert jobs.run_submission("sub_0000000000000") == "nothing to do"


def test_during_a_shutdown_the_message_goes_back(jobs, review, monkeypatch):
    monkeypatch.setattr(perform, "keeper", SimpleNamespace(stopping=True))
    with pytest.raises(Reject) as rejected:
        jobs.run_submission(review)
    assert rejected.value.requeue
    assert state_of(review) == "queued"


def test_while_postgres_is_away_the_message_goes_back_after_a_pause(jobs, review, monkeypatch):
    paused = []
    keeper = SimpleNamespace(stopping=False, wait_for_stop=paused.append)

    def away(*_, **__):
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(perform, "keeper", keeper)
    monkeypatch.setattr(perform, "start", away)
    with pytest.raises(Reject) as rejected:
        jobs.run_submission(review)
    assert rejected.value.requeue
    assert paused == [1.0]


def test_a_bug_is_told(jobs, review, monkeypatch):
    def wrong(*_, **__):
        raise ValueError("a bug")

    monkeypatch.setattr(perform, "start", wrong)
    # Not its message, which goes to Flower and may say what was worked on.
    with pytest.raises(jobs.SubmissionError, match="ValueError: the worker's log says where"):
        jobs.run_submission(review)


@pytest.mark.parametrize(
    ("sandbox", "told", "words"),
    [
        ({"error": "content_refused"}, "SubmissionError", "failed: the task's timeline says why"),
        ({"error": "server_error"}, "Retry", "retrying"),
    ],
)
def test_celery_is_told_of_a_submission_that_did_not_end_well(jobs, sandbox, told, words):
    submission_id = factories.create(type="review", sandbox=sandbox)["submission_id"]
    with pytest.raises((jobs.SubmissionError, Retry)) as caught:
        jobs.run_submission(submission_id)
    assert type(caught.value).__name__ == told
    assert words in str(caught.value)
