"""One commit for all that arrive together (in the literature: group commit).

A thread that has something to write and finds nobody writing leads: it writes all that waits in
one transaction, then hands the lead to one of those who came meanwhile. Where several did, more are
on their way, and the new leader waits a moment for them. So a lone writer pays for one transaction
and waits for nobody, and many at once share the cost of a commit. Nobody returns before what they
gave is committed.
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
#: How long a leader waits for more, where several came while the one before him wrote.
_GATHER_SECONDS = 0.002
_MOST_BYTES = 4 * 1024 * 1024


def commit(
    write: Callable[[Connection, Sequence[Item]], Sequence[Result]], items: Sequence[Item]
) -> Sequence[Result | BaseException]:
    """Writes items in one transaction; gives the result of each, in order, or what went wrong.

    Where it fails, each is written in a transaction of its own: one item's fault is not another's.
    """
    try:
        with transaction() as connection:
            return list(write(connection, items))
    except BaseException as error:  # noqa: BLE001 - it is raised where the item came from
        if len(items) == 1 or is_away(error) or not isinstance(error, Exception):
            return [error] * len(items)
    return [commit(write, [item])[0] for item in items]


class _Waiting(Generic[Item, Result]):
    def __init__(self, item: Item, size: int) -> None:
        self.item = item
        self.size = size
        self.result: Result | BaseException | None = None
        self.written = False
        self.woken = threading.Event()


class GroupCommit(Generic[Item, Result]):
    """Writes items of one kind, those that arrive together in one transaction.

    `write` gets them in the order of their arrival and gives a result for each.
    """

    def __init__(self, write: Callable[[Connection, Sequence[Item]], Sequence[Result]]) -> None:
        self._write = write
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
            if len(self._waiting) > 1:
                time.sleep(_GATHER_SECONDS)
            self._lead()
        if isinstance(mine.result, BaseException):
            raise mine.result
        return cast("Result", mine.result)

    def _lead(self) -> None:
        """Writes the oldest that wait, the leader's own first among them."""
        group = self._next_group()
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
        results = commit(self._write, [one.item for one in group])
        for one, result in zip(group, results, strict=True):
            one.result, one.written = result, True
