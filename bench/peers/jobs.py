"""Bare Celery: a job that does nothing, and one that waits as a model call does."""

import os
import time
from pathlib import Path

from celery import Celery

app = Celery("peer", broker=os.environ["PEER_REDIS_URL"])
app.conf.update(task_ignore_result=True, task_acks_late=True, worker_prefetch_multiplier=1)


@app.task
def nothing(number: int) -> None:
    """Does nothing."""


@app.task
def work(_: dict[str, object], seconds: float) -> None:
    """Waits."""
    time.sleep(seconds)


@app.task
def stamp(sent_at: float) -> None:
    """Tells how long it took to begin, in seconds, as a line of a file."""
    with Path(os.environ["PEER_STAMPS"]).open("a") as file:
        file.write(f"{time.time() - sent_at}\n")
