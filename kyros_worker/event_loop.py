"""The one event loop of this process, on which every model is called.

A model's HTTP client belongs to the loop that it was first used on; one loop for all threads lets
them share clients. It runs in a daemon thread of its own, made at first use, and anew after a fork.
"""

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

#: How long `cancel` waits for the task to end, in seconds: a well-behaved call closes its
#: connection at once.
CANCEL_WAIT_SECONDS = 1.0


class Running(Future[T]):
    """A coroutine at work on the loop. Callbacks run on the loop's thread and must not block."""

    def __init__(self) -> None:
        super().__init__()
        self._task: asyncio.Task[T] | None = None
        self._ended = threading.Event()

    def cancel(self) -> bool:
        """Cancel the coroutine, from any thread, and wait a moment for its end.

        False when it ended otherwise (its result is then kept) or has not ended yet.
        """
        if not self.done():
            loop = _loop()
            loop.call_soon_threadsafe(self._abort)
            if threading.current_thread() is not _thread:
                self._ended.wait(CANCEL_WAIT_SECONDS)
        return self.cancelled()

    def _start(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._task = asyncio.get_running_loop().create_task(coroutine)
        self._task.add_done_callback(self._settle)

    def _abort(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _settle(self, task: asyncio.Task[T]) -> None:
        try:
            if task.cancelled():
                super().cancel()
                self.set_running_or_notify_cancel()
            elif (error := task.exception()) is not None:
                self.set_exception(error)
            else:
                self.set_result(task.result())
        finally:
            self._ended.set()


def run(coroutine: Coroutine[Any, Any, T]) -> Running[T]:
    """Start a coroutine on the loop, from any thread; `result()` waits for it."""
    running: Running[T] = Running()
    _loop().call_soon_threadsafe(running._start, coroutine)  # noqa: SLF001 - this module's own
    return running


_lock = threading.Lock()
_made: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None


def _loop() -> asyncio.AbstractEventLoop:
    global _made, _thread  # noqa: PLW0603 - one for each process is the point
    with _lock:
        if _made is None:
            _made = asyncio.new_event_loop()
            _thread = threading.Thread(target=_made.run_forever, name="models", daemon=True)
            _thread.start()
        return _made


def _forget() -> None:
    """Threads don't live through a fork: the child makes a loop, and a lock, of its own."""
    global _lock, _made, _thread
    _lock, _made, _thread = threading.Lock(), None, None


os.register_at_fork(after_in_child=_forget)
