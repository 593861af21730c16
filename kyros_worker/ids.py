"""Ids: a short prefix, one `_`, then decimal digits that begin with the time of creation.

The contract ("Conventions") wants at least 13 digits and only digits after the `_`: the guide's
Jira sample makes an issue key of them. An id sorts by its creation time, so the newest tasks are
the greatest ids, and a time is a bound for ids.
"""

import re
import secrets
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TIME_DIGITS = 16
#: In the year 2286; a time beyond it is a bound for ids all the same.
_LAST_MICROSECOND = 10**_TIME_DIGITS - 1
_RANDOM_DIGITS = 7
_ID = re.compile(r"([a-z]+)_(\d{13,32})", re.ASCII)


def new_id(prefix: str, at: datetime) -> str:
    """A new id: 16 digits of microseconds since 1970, then 7 random digits."""
    random_part = secrets.randbelow(10**_RANDOM_DIGITS)
    return f"{id_floor(prefix, at)}{random_part:0{_RANDOM_DIGITS}d}"


def id_floor(prefix: str, at: datetime) -> str:
    """What every id of this prefix made at or after `at` is not below."""
    microseconds = min(max((at - _EPOCH) // _MICROSECOND, 0), _LAST_MICROSECOND)
    return f"{prefix}_{microseconds:0{_TIME_DIGITS}d}"


def id_ceiling(prefix: str, at: datetime) -> str:
    """What every id of this prefix made at or before `at` is not above."""
    return f"{id_floor(prefix, at)}{'9' * _RANDOM_DIGITS}"


def is_id(prefix: str, value: str) -> bool:
    """Whether the text has the form of an id of this prefix."""
    match = _ID.fullmatch(value)
    return match is not None and match[1] == prefix
