"""The Celery entry point of the roles' workers."""

import sys
from typing import Any

from celery.exceptions import Reject, Retry
from celery.signals import worker_shutting_down

from kyros_worker.database import is_away
from kyros_worker.queue.app import app
from kyros_worker.queue.names import RUN_SUBMISSION
from kyros_worker.submission.lease import keeper
from kyros_worker.task.perform import Done, StoppingError, perform

# Celery's own thread hands messages out, and asks for the interpreter at each of its round trips
# to Redis; with Python's 5 ms it would wait longer for that than for Redis.
sys.setswitchinterval(0.001)


@app.task(name=RUN_SUBMISSION)  # type: ignore[untyped-decorator]
def run_submission(submission_id: str) -> str:
    """Works on one submission. The message holds its id only."""
    try:
        outcome = perform(submission_id)
    except Exception as error:
        raise rejected(error) from error
    if (failure := failure_of(outcome)) is not None:
        raise failure
    return outcome


class SubmissionError(Exception):
    """What Flower shows of a submission that failed: a word, since its own words may be secret."""


def failure_of(outcome: Done) -> Exception | None:
    """What Celery is told of a submission that ended otherwise than well; None if it did."""
    if outcome == "failed":
        return SubmissionError("failed: the task's timeline says why")
    if outcome in ("retrying", "given back"):
        # Nothing is sent again by Celery: the row says when.
        retrying: Exception = Retry(exc=SubmissionError(outcome))
        return retrying
    return None


def rejected(error: Exception) -> Exception:
    """What Celery is told of a message whose work raised.

    It goes back to the broker when it can't be worked on here and now, and has failed otherwise.
    """
    if isinstance(error, StoppingError) or is_away(error):
        return _goes_back(error)
    return SubmissionError(f"{type(error).__name__}: the worker's log says where")


def _goes_back(error: Exception) -> Exception:
    rejecting: Exception = Reject(error, requeue=True)
    return rejecting


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _give_leases_back(**_: Any) -> None:
    keeper.stop()
