"""One commit for all that arrive together (in the literature: group commit).

A thread that has something to write and finds nobody writing leads: it writes all that waits in
one transaction, then hands the lead to one of those who came meanwhile. So a lone writer pays for
one transaction and waits for nobody, and many at once share the cost of a commit. Nobody returns
before what they gave is committed.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, cast

from sqlalchemy import Connection

from kyros_worker.database import is_away, transaction

Item = TypeVar("Item")
Result = TypeVar("Result")

_MOST_ITEMS = 100
_MOST_BYTES = 4 * 1024 * 1024


class _Waiting(Generic[Item, Result]):
    def __init__(self, item: Item, size: int) -> None:
        self.item = item
        self.size = size
        self.result: Result | None = None
        self.error: BaseException | None = None
        self.written = False
        self.woken = threading.Event()


class GroupCommit(Generic[Item, Result]):
    """Writes items of one kind, those that arrive together in one transaction.

    `write` gets them in the order of their arrival and gives a result for each. While more than
    one arrives at a time, the leader waits `gather` seconds for more of them.
    """

    def __init__(
        self, write: Callable[[Connection, Sequence[Item]], Sequence[Result]], gather: float = 0
    ) -> None:
        self._write = write
        self._gather = gather
        self._busy = False
        self._lock = threading.Lock()
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._led = False

    def add(self, item: Item, size: int = 0) -> Result:
        """Writes an item of so many bytes, and gives its result when it is committed.

        Raises what went wrong with this item; one item's fault is not another's.
        """
        mine: _Waiting[Item, Result] = _Waiting(item, size)
        with self._lock:
            self._waiting.append(mine)
            leading, self._led = not self._led, True
        if not leading:
            mine.woken.wait()
        if not mine.written:
            self._lead()
        if mine.error is not None:
            raise mine.error
        return cast("Result", mine.result)

    def _lead(self) -> None:
        """Writes the oldest that wait, the leader's own first among them."""
        if self._gather and self._busy:
            time.sleep(self._gather)
        group = self._next_group()
        self._busy = len(group) > 1
        try:
            self._commit(group)
        finally:
            with self._lock:
                successor = self._waiting[0] if self._waiting else None
                self._led = successor is not None
            if successor is not None:
                successor.woken.set()
            for other in group[1:]:
                other.woken.set()

    def _next_group(self) -> list[_Waiting[Item, Result]]:
        with self._lock:
            group = [self._waiting.popleft()]
            size = group[0].size
            while self._waiting and len(group) < _MOST_ITEMS:
                size += self._waiting[0].size
                if size > _MOST_BYTES:
                    break
                group.append(self._waiting.popleft())
        return group

    def _commit(self, group: list[_Waiting[Item, Result]]) -> None:
        try:
            with transaction() as connection:
                results = self._write(connection, [one.item for one in group])
        except BaseException as error:  # noqa: BLE001 - it is raised where the item came from
            if len(group) > 1 and isinstance(error, Exception) and not is_away(error):
                for one in group:
                    self._commit([one])
                return
            for one in group:
                one.error, one.written = error, True
            return
        for one, result in zip(group, results, strict=True):
            one.result, one.written = result, True
