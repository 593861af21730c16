"""A thread that takes what came meanwhile, all of it at once."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

Item = TypeVar("Item")

_LOG = logging.getLogger(__name__)
_MOST_ITEMS = 100
_BUSY = 4


class Gathered(Generic[Item]):
    """Hands items to `handle`, up to a hundred at a time, in one thread made at first use.

    While several come at a time it waits `gather` seconds for more of them, so that a lone item
    waits for nobody and many share what handling costs.
    """

    def __init__(
        self, handle: Callable[[Sequence[Item]], None], name: str, gather: float = 0
    ) -> None:
        self._handle = handle
        self._name = name
        self._gather = gather
        self._items: SimpleQueue[Item] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, item: Item) -> None:
        """Adds an item, from any thread."""
        self._items.put(item)
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=self._keep_handling, name=self._name, daemon=True
                    )
                    self._thread.start()

    def _keep_handling(self) -> None:
        busy = False
        while True:
            items = [self._items.get()]
            if busy and self._gather:
                time.sleep(self._gather)
            try:
                while len(items) < _MOST_ITEMS:
                    items.append(self._items.get_nowait())
            except Empty:
                pass
            busy = len(items) >= _BUSY
            try:
                self._handle(items)
            except Exception:  # noqa: BLE001 - the thread must outlive any fault
                _LOG.exception("The thread %s goes on.", self._name)
