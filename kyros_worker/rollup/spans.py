"""Lengths of time cut so that sums of whole hours and minutes can be used (pure)."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal, NamedTuple

from kyros_worker.rollup.tables import BEGINNING, HOUR, MINUTE

A_MINUTE = timedelta(minutes=1)
AN_HOUR = timedelta(hours=1)

#: `moment` is a part of a minute, which no sum is kept of: the rows themselves tell it.
Kind = Literal["hour", "minute", "moment"]
MOMENT: Kind = "moment"


class Piece(NamedTuple):
    """A part of a step: whole hours, whole minutes, or moments. The end is not in it."""

    step: int
    span: str
    begin: datetime
    end: datetime


def floor(at: datetime, length: timedelta) -> datetime:
    """The beginning of the minute or hour that a time is in."""
    return at - (at - BEGINNING) % length


def ceiling(at: datetime, length: timedelta) -> datetime:
    """The next beginning of a minute or hour, unless the time is one itself."""
    return at + (BEGINNING - at) % length


def steps_of(begin: datetime, length: timedelta, count: int) -> list[datetime]:
    """The bounds of so many steps of a length: their beginnings, and the end of the last."""
    return [begin + number * length for number in range(count + 1)]


def pieces(bounds: Sequence[datetime]) -> list[Piece]:
    """What the steps between these bounds are made of, in order, without gap or overlap."""
    return [
        Piece(step, span, since, until)
        for step, (begin, end) in enumerate(pairwise(bounds))
        for span, since, until in _cut(begin, end)
        if since < until
    ]


def _cut(begin: datetime, end: datetime) -> Iterator[tuple[str, datetime, datetime]]:
    first, last = ceiling(begin, A_MINUTE), floor(end, A_MINUTE)
    if first >= last:
        yield MOMENT, begin, end
        return
    yield MOMENT, begin, first
    first_hour, last_hour = ceiling(first, AN_HOUR), floor(last, AN_HOUR)
    if first_hour >= last_hour:
        yield MINUTE, first, last
    else:
        yield MINUTE, first, first_hour
        yield HOUR, first_hour, last_hour
        yield MINUTE, last_hour, last
    yield MOMENT, last, end
