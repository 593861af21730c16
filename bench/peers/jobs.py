"""Bare Celery: a job that does nothing, and one that waits as a model call does."""

import os
import threading
import time
from pathlib import Path

import requests
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


_HEADERS = {"Content-Type": "application/json"} | {
    f"X-Peer-{number}": "x" * 40 for number in range(6)
}
_pooled = threading.local()


@app.task
def post(_: int) -> None:
    """Posts a body of a file over a connection that this thread keeps."""
    if not hasattr(_pooled, "session"):
        _pooled.session = requests.Session()
        _pooled.body = Path(os.environ["PEER_BODY"]).read_bytes()
    answer = _pooled.session.post(
        os.environ["PEER_URL"], data=_pooled.body, headers=_HEADERS, timeout=15
    )
    answer.raise_for_status()
