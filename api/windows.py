"""Flask-Limiter's strategy: fixed windows of time, of which one question to Redis tells all.

Those that come with it ask three times a request (count, read, time left), and fail where Redis
does not answer. Here a window's number is part of its name and follows from the clock, and where
Redis does not answer nothing is counted and nobody refused. Far from a large limit a process tells
Redis of ten counts at a time: each trip is an eighth of what taking a task in costs.
"""

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import monotonic, time
from typing import Any

from flask import g
from limits import RateLimitItem, WindowStats
from limits.storage import StorageTypes
from limits.strategies import FixedWindowRateLimiter
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

_ANSWER_SECONDS = 0.25
_MOST_KNOWN = 10_000
#: For the storage: how long Redis is waited for.
STORAGE_OPTIONS: dict[str, Any] = {
    "key_prefix": "kyros-limits",
    "socket_timeout": _ANSWER_SECONDS,
    "socket_connect_timeout": _ANSWER_SECONDS,
    "retry": Retry(NoBackoff(), 0),
}
#: How long a process leaves a Redis alone that did not answer; then one request asks again.
LEFT_ALONE_SECONDS = 2.0
#: Counts of a window that a process tells together, of a limit from `LARGE` on and while no more
#: than half of it is used: so many requests too late may each process begin to refuse.
TOGETHER = 10
LARGE = 1000
#: What is seen of a window while Redis does not answer.
NOT_COUNTED = WindowStats(0, 0)

_log = logging.getLogger(__name__)


@dataclass
class _Known:
    """What a process knows of a window: what Redis said last, and what it has not told it yet."""

    number: int
    used: int
    untold: int = 0


class OneTripWindow(FixedWindowRateLimiter):
    """Counts in the window of now, and keeps what it saw there for the rest of the request."""

    def __init__(self, storage: StorageTypes) -> None:
        super().__init__(storage)
        self._known: dict[tuple[str, ...], _Known] = {}
        self._counting = threading.Lock()
        self._left_alone_until: float | None = None
        self._asking_again = threading.Lock()

    def hit(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        """Count; False when that is over the limit."""
        seen = self._see(item, identifiers, partial(self._count, item, identifiers, cost))
        return seen is NOT_COUNTED or seen.remaining >= 0

    def test(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        """Whether a count would be within the limit."""
        seen = self._see(item, identifiers, lambda name, _: self.storage.get(name))
        return seen is NOT_COUNTED or seen.remaining >= cost

    def get_window_stats(self, item: RateLimitItem, *identifiers: str) -> WindowStats:
        """What the request saw as it counted or tested; below 0 remain where a count was over."""
        seen: WindowStats = g.windows_seen[item, identifiers]
        return seen

    def _see(
        self, item: RateLimitItem, identifiers: tuple[str, ...], ask: Callable[[str, int], int]
    ) -> WindowStats:
        number, ends_at = window_at(time(), item.get_expiry())
        used = self._ask(lambda: ask(":".join((*identifiers, str(number))), number))
        seen = NOT_COUNTED if used is None else WindowStats(ends_at, item.amount - used)
        g.setdefault("windows_seen", {})[item, identifiers] = seen
        return seen

    def _count(
        self, item: RateLimitItem, identifiers: tuple[str, ...], cost: int, name: str, number: int
    ) -> int:
        """How much of the window is used now, as far as this process knows."""
        with self._counting:
            known = self._known.get(identifiers)
            if known is None or known.number != number:
                untold = cost
            else:
                untold = known.untold = known.untold + cost
                is_far = item.amount >= LARGE and known.used <= item.amount // 2
                if is_far and untold < TOGETHER:
                    return known.used + untold
                known.untold = 0
        used = self.storage.incr(name, item.get_expiry(), untold)
        with self._counting:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known.get(identifiers)
            if known is None or known.number != number:
                self._known[identifiers] = _Known(number, used)
            else:
                known.used = max(known.used, used)
        return used

    def _ask(self, ask: Callable[[], int]) -> int | None:
        until = self._left_alone_until
        again = until is not None
        if until is not None and (
            monotonic() < until or not self._asking_again.acquire(blocking=False)
        ):
            return None
        try:
            answer = ask()
        except RedisError as error:
            if not again:
                _log.warning("Redis can't count requests, which are let through: %s", error)
            self._left_alone_until = monotonic() + LEFT_ALONE_SECONDS
            return None
        else:
            self._left_alone_until = None
            return answer
        finally:
            if again:
                self._asking_again.release()


def window_at(at: float, seconds: int) -> tuple[int, int]:
    """The number of the window at that time, and when the next one begins (pure)."""
    number = math.floor(at / seconds)
    return number, (number + 1) * seconds


def seconds_until(at: float) -> int:
    """Whole seconds after which that time has come, at least one."""
    return max(1, math.ceil(at - time()))
