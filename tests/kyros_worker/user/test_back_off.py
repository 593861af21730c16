from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.user.back_off import LONGEST_WAIT, wait

AT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wrong", "seconds"),
    [(0, 0), (1, 0), (4, 0), (5, 30), (6, 60), (7, 120), (8, 240), (9, 480), (10, 900), (11, 900),
     (10_000_000, 900)],
)  # fmt: skip
def test_it_doubles_up_to_a_quarter_of_an_hour(wrong, seconds):
    assert wait(wrong, AT, AT) == timedelta(seconds=seconds)


def test_it_passes():
    assert wait(5, AT, AT + timedelta(seconds=29)) == timedelta(seconds=1)
    assert wait(5, AT, AT + timedelta(seconds=30)) == timedelta(0)
    assert wait(5, AT, AT + timedelta(days=300)) == timedelta(0)


@given(st.integers(0, 10**6), st.timedeltas(timedelta(0), timedelta(days=3)))
def test_it_is_never_negative_nor_lasting(wrong, later):
    left = wait(wrong, AT, AT + later)
    assert timedelta(0) <= left <= LONGEST_WAIT
    if later >= LONGEST_WAIT:
        assert not left
