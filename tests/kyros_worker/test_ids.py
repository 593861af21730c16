import multiprocessing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.ids import id_floor, is_id, new_id

seconds = st.floats(0, 7_258_118_400)
times = seconds.map(lambda second: datetime.fromtimestamp(second, UTC))


@given(times)
def test_form(at):
    made = new_id("task", at)
    assert is_id("task", made)
    assert not is_id("sub", made)
    prefix, digits = made.split("_")
    assert prefix == "task"
    assert digits.isascii()
    assert digits.isdigit()
    assert len(digits) >= 13


@given(times, times)
def test_sorts_by_time(one, other):
    if one < other:
        assert new_id("task", one) < new_id("task", other)
        assert new_id("task", one) < id_floor("task", other)
    assert new_id("task", one) >= id_floor("task", one)


def test_many_of_one_moment_differ():
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert len({new_id("evt", at) for _ in range(100_000)}) == 100_000
    assert id_floor("evt", at - timedelta(days=100 * 365)) == "evt_" + "0" * 16


def test_processes_count_from_different_numbers():
    at = datetime(2026, 1, 1, tzinfo=UTC)
    with multiprocessing.get_context("fork").Pool(2) as processes:
        made = processes.starmap(new_id, [("evt", at)] * 4, chunksize=1)
    assert new_id("evt", at) not in made


@pytest.mark.parametrize(
    "text",
    ["", "task_", "task_12", "task_null", "null", "task_123456789012٣", "TASK_1234567890123",
     "task_1234567890123\n", "task_1234567890123\0", "task__1234567890123", "task_" + "1" * 33],
)  # fmt: skip
def test_what_is_no_id(text):
    assert not is_id("task", text)
