"""Waiting for a task: `wait` and `stream`, bounded well below the server's threads.

Whoever waited is asked again who he is before he gets anything: keys are revoked meanwhile.

A watcher wakes by the process's one listening connection and holds none of the pool while it
waits. When every place is taken, a wait answers at once and a stream is refused with 503.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response

from api.caller import recheck
from kyros_worker import strict_json
from kyros_worker.auth.subject import Mode
from kyros_worker.database import read
from kyros_worker.errors import PermissionDeniedError, UnauthenticatedError, UnavailableError
from kyros_worker.event.listen import listener
from kyros_worker.settings import current
from kyros_worker.task.queries import get_fixed, get_standing, timeline_after
from kyros_worker.task.states import FINAL_STATES

_EVENTS_AT_ONCE = 100
#: A comment this often lets both ends of a quiet stream notice that the other is gone.
_HEARTBEAT_SECONDS = 10

_places = threading.BoundedSemaphore(current().api_threads * 3 // 4)


def when_final(task_id: str, mode: Mode, seconds: int, answer: Callable[[], Response]) -> Response:
    """Gives the answer as soon as the task is final, or after so many seconds.

    Raises NotFoundError at once.
    """
    if seconds > 0 and _places.acquire(blocking=False):
        try:
            _wait(task_id, mode, seconds)
        finally:
            _places.release()
        recheck()()
    return answer()


def _wait(task_id: str, mode: Mode, seconds: int) -> None:
    until = time.monotonic() + seconds
    with listener.watching(task_id) as changed:
        while not _is_final(task_id, mode) and (left := until - time.monotonic()) > 0:
            changed.wait(left)
            changed.clear()


def stream(task_id: str, mode: Mode, after: int) -> Response:
    """A task's timeline live, as server-sent events, from the one after `after` on.

    Raises NotFoundError, and UnavailableError (503) when every place is taken.
    """
    with read() as connection:
        fixed = get_fixed(connection, task_id, mode)
    if not _places.acquire(blocking=False):
        raise UnavailableError(
            "Too many streams are open here; ask again shortly.", headers={"Retry-After": "5"}
        )
    response = Response(_events(fixed, after, recheck()), content_type="text/event-stream")
    response.call_on_close(_places.release)
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _events(fixed: dict[str, Any], after: int, check: Callable[[], None]) -> Iterator[str]:
    yield ": here it comes\n\n"
    with listener.watching(fixed["id"]) as changed:
        while _is_in(check):
            with read() as connection:
                standing = get_standing(connection, fixed["id"], fixed["mode"])
                items = timeline_after(connection, fixed, after, _EVENTS_AT_ONCE)
            for item in items:
                after = item["seq"]
                yield _sent(item)
            if after >= standing["last_seq"]:
                if standing["state"] in FINAL_STATES:
                    yield "event: end\ndata: {}\n\n"
                    return
                if not changed.wait(_HEARTBEAT_SECONDS):
                    yield ": still here\n\n"
                changed.clear()


def _is_in(check: Callable[[], None]) -> bool:
    """Whether the caller is; who is not gets no more, and the reason when he comes back."""
    try:
        check()
    except (UnauthenticatedError, PermissionDeniedError):
        return False
    return True


def _sent(item: dict[str, Any]) -> str:
    return f"id: {item['seq']}\nevent: {item['type']}\ndata: {strict_json.dumps(item)}\n\n"


def _is_final(task_id: str, mode: Mode) -> bool:
    with read() as connection:
        return get_standing(connection, task_id, mode)["state"] in FINAL_STATES
