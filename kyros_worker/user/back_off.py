"""How long an address must wait after wrong passwords. Pure."""

from datetime import datetime, timedelta

#: That many wrong ones in a row cost nothing.
FREE_TRIES = 5
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
_LAST_DOUBLING = 5


def wait(wrong: int, last_at: datetime, at: datetime) -> timedelta:
    """How long the next try is still refused, after that many wrong ones in a row; 0: not at all.

    After the fifth 30 s, doubled at each further one, 15 min at most; there is no lasting lock.
    """
    if wrong < FREE_TRIES:
        return timedelta(0)
    doublings = min(wrong - FREE_TRIES, _LAST_DOUBLING)
    pause = min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)
    return max(last_at + pause - at, timedelta(0))
