"""Cutting time into whole hours, whole minutes and moments."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.rollup.spans import A_MINUTE, AN_HOUR, ceiling, floor, pieces, steps_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(text):
    return datetime.fromisoformat(f"2026-03-01T{text}+00:00")


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        ("12:00:00", "12:00:30", [("moment", "12:00:00", "12:00:30")]),
        ("12:00:30", "12:01:30", [("moment", "12:00:30", "12:01:30")]),
        ("12:00:00", "12:01:00", [("minute", "12:00:00", "12:01:00")]),
        ("12:00:01", "12:03:01", [("moment", "12:00:01", "12:01:00"),
                                  ("minute", "12:01:00", "12:03:00"),
                                  ("moment", "12:03:00", "12:03:01")]),
        ("12:00:00", "14:00:00", [("hour", "12:00:00", "14:00:00")]),
        ("11:59:00", "13:01:00", [("minute", "11:59:00", "12:00:00"),
                                  ("hour", "12:00:00", "13:00:00"),
                                  ("minute", "13:00:00", "13:01:00")]),
    ],
)  # fmt: skip
def test_pieces(begin, end, expected):
    found = pieces([at(begin), at(end)])
    joined = [(span, at(since), at(until)) for span, since, until in expected]
    assert [(one.span, one.begin, one.end) for one in found] == joined


times = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
lengths = st.timedeltas(timedelta(microseconds=1), timedelta(days=2))


@given(times, lengths, st.integers(1, 40))
def test_pieces_fill_their_steps_and_are_whole(begin, length, count):
    bounds = steps_of(begin, length, count)
    found = pieces(bounds)
    assert [found[0].begin, found[-1].end] == [bounds[0], bounds[-1]]
    assert all(one.end == following.begin for one, following in pairwise(found))
    whole = {"minute": A_MINUTE, "hour": AN_HOUR}
    for one in found:
        assert bounds[one.step] <= one.begin < one.end <= bounds[one.step + 1]
        if one.span in whole:
            assert floor(one.begin, whole[one.span]) == one.begin
            assert floor(one.end, whole[one.span]) == one.end
        else:
            assert one.end - one.begin < 2 * A_MINUTE


@given(times)
def test_floor_and_ceiling(moment):
    for length in (A_MINUTE, AN_HOUR):
        below, above = floor(moment, length), ceiling(moment, length)
        assert below <= moment <= above
        assert above - below in (timedelta(0), length)
