"""The pool of every worker: in Celery's terms where messages run, but without a thread each.

Celery hands over a message and hears of its end; what lies between is `perform`'s. How many are in
hand at a time is Celery's prefetch limit, as with any pool.
"""

import gc
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

from celery.concurrency.base import BasePool

from kyros_worker.fleet.heartbeat import Heartbeat
from kyros_worker.log import told
from kyros_worker.queue.names import DELIVER, RUN_SUBMISSION
from kyros_worker.task.jobs import failure_of, rejected
from kyros_worker.task.perform import take
from kyros_worker.webhook.deliver import deliverer

#: What takes the one argument of each job's message, and works without a thread of its own.
_TAKE: dict[str, Callable[[str], "Future[Any]"]] = {
    RUN_SUBMISSION: take,
    DELIVER: deliverer.take,
}
#: Longer than a reply is kept at a shutdown.
_STOP_SECONDS = 8


@dataclass(frozen=True)
class _Failure:
    """A failure as Celery tells it to Flower, and reads it: Celery's own shows messages."""

    exception: Exception
    traceback: str


class Pool(BasePool):  # type: ignore[misc]
    """Hands each message to what its job takes it with."""

    body_can_be_buffer = True
    signal_safe = False

    def on_start(self) -> None:
        """Celery starts the worker."""
        self._in_hand: set[Future[Any]] = set()
        # Celery's hints for the processes of other pools: the application and the worker's name.
        _, name = self.options["initargs"]
        self._heartbeat = Heartbeat(name)
        self._heartbeat.start()
        # What is loaded stays: to look through all of it for garbage stops every call for 0.2 s.
        gc.collect()
        gc.freeze()

    def on_apply(
        self,
        _target: Callable[..., Any],
        args: tuple[Any, ...],
        _kwargs: dict[str, Any],
        *,
        callback: Callable[..., None],
        accept_callback: Callable[..., None],
        **_: Any,
    ) -> None:
        """Takes a message of which `args` are Celery's: its name, id, request and body."""
        accept_callback(os.getpid(), time.monotonic())
        (named,), _, _ = json.loads(args[3])
        done = _TAKE[args[0]](named)
        self._in_hand.add(done)
        done.add_done_callback(partial(self._end, callback, time.monotonic()))

    def on_stop(self) -> None:
        """Waits for the leases to be given back, which the shutdown's beginning asked for."""
        self._heartbeat.stop()
        wait(list(self._in_hand), _STOP_SECONDS)

    def _end(self, callback: Callable[..., None], began: float, done: "Future[Any]") -> None:
        self._in_hand.discard(done)
        runtime = time.monotonic() - began
        try:
            outcome = done.result()
            failure, frames = failure_of(outcome), ""
        except Exception as error:  # noqa: BLE001 - Celery is told of it
            failure, frames = rejected(error), told(error)
        if failure is None:
            callback((False, outcome, runtime))
        else:
            callback((True, _Failure(failure, frames), runtime))
