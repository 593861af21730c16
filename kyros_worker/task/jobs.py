"""The Celery entry point of the roles' workers."""

import logging
import sys
from typing import Any

from celery.exceptions import Reject
from celery.signals import worker_shutting_down

from kyros_worker.database import is_away
from kyros_worker.queue.app import app
from kyros_worker.queue.names import RUN_SUBMISSION
from kyros_worker.submission.lease import keeper
from kyros_worker.task.perform import perform

_LOG = logging.getLogger(__name__)
_PAUSE_SECONDS = 1.0

# Celery's own thread hands messages out, and asks for the interpreter at each of its round trips
# to Redis; with Python's 5 ms it would wait longer for that than for Redis.
sys.setswitchinterval(0.001)


@app.task(name=RUN_SUBMISSION)  # type: ignore[untyped-decorator]
def run_submission(submission_id: str) -> None:
    """Works on one submission. The message holds its id only."""
    if keeper.stopping:
        raise Reject(requeue=True)
    try:
        perform(submission_id)
    except Exception as error:
        if not is_away(error):
            raise
        _LOG.warning("%s waits: Postgres is away.", submission_id)
        keeper.wait_for_stop(_PAUSE_SECONDS)
        raise Reject(requeue=True) from error


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _give_leases_back(**_: Any) -> None:
    keeper.stop()
