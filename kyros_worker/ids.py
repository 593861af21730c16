"""Ids: a short prefix, one `_`, then decimal digits that begin with the time of creation.

The contract ("Conventions") wants at least 13 digits and only digits after the `_`: the guide's
Jira sample makes an issue key of them. An id sorts by its creation time, so the newest tasks are
the greatest ids, and a time is a bound for ids.
"""

import itertools
import os
import re
import secrets
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TIME_DIGITS = 16
#: In the year 2286; a time beyond it is a bound for ids all the same.
_LAST_MICROSECOND = 10**_TIME_DIGITS - 1
_COUNT_DIGITS = 7
_count: "itertools.count[int]"
_ID = re.compile(r"([a-z]+)_(\d{13,32})", re.ASCII)


def new_id(prefix: str, at: datetime) -> str:
    """A new id: 16 digits of microseconds since 1970, then 7 of the process's own count.

    The count begins anywhere, so two processes hardly meet in one microsecond; within a process
    the ids of one moment differ, and those of a batch are in its order.
    """
    return f"{id_floor(prefix, at)}{next(_count) % 10**_COUNT_DIGITS:0{_COUNT_DIGITS}d}"


def id_floor(prefix: str, at: datetime) -> str:
    """What every id of this prefix made at or after `at` is not below."""
    microseconds = min(max((at - _EPOCH) // _MICROSECOND, 0), _LAST_MICROSECOND)
    return f"{prefix}_{microseconds:0{_TIME_DIGITS}d}"


def id_ceiling(prefix: str, at: datetime) -> str:
    """What every id of this prefix made at or before `at` is not above."""
    return f"{id_floor(prefix, at)}{'9' * _COUNT_DIGITS}"


def is_id(prefix: str, value: str) -> bool:
    """Whether the text has the form of an id of this prefix."""
    match = _ID.fullmatch(value)
    return match is not None and match[1] == prefix


def _begin_count() -> None:
    global _count  # noqa: PLW0603 - one a process: a fork must not go on with its parent's
    _count = itertools.count(secrets.randbelow(10**_COUNT_DIGITS))


_begin_count()
os.register_at_fork(after_in_child=_begin_count)
