"""When a delivery is tried again: the contract's pauses, with jitter, for five days."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.webhook.schedule import next_try, retry_after_seconds
from kyros_worker.webhook_times import WebhookTimes

TIMES = WebhookTimes()
SINCE = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
CONTRACT = [5, 30, 120, 600, 1800, 7200, 18_000, 36_000, 43_200, 43_200, 43_200]
chances = st.floats(0, 1)


def pause(tries, chance=0.5, **fields):
    at = next_try(TIMES, tries, SINCE, SINCE, chance=chance, **fields)
    return (at - SINCE).total_seconds()


@pytest.mark.parametrize(("tries", "step"), list(enumerate(CONTRACT, start=1)))
def test_the_contracts_pauses(tries, step):
    assert pause(tries) == pytest.approx(step)
    assert pause(tries, 0) == pytest.approx(0.8 * step)
    assert pause(tries, 1) == pytest.approx(1.2 * step)


@given(st.integers(1, 30), chances, st.floats(0, 10**9))
def test_retry_after_counts_between_once_and_twice_the_pause(tries, chance, asked):
    step = CONTRACT[min(tries, len(CONTRACT)) - 1]
    found = pause(tries, chance, retry_after_seconds=asked)
    assert step * 0.999 <= found <= 2.001 * step
    if step <= asked <= 2 * step:
        assert found >= asked * 0.999


@given(st.lists(chances, min_size=60, max_size=60))
def test_the_series_ends_after_five_days(chances_drawn):
    at, tries = SINCE, 0
    for chance in chances_drawn:
        tries += 1
        due = next_try(TIMES, tries, SINCE, at, chance=chance)
        if due is None:
            break
        assert at < due <= SINCE + timedelta(days=5)
        at = due
    assert at == SINCE + timedelta(days=5)
    assert due is None
    assert 15 <= tries <= 25


@pytest.mark.parametrize(("value", "seconds"), [
    (None, None), ("", None), ("120", 120), ("0", 0), ("-5", None), ("soon", None),
    ("\uff11\uff12", None), ("9" * 400, 999_999_999), ("Sat, 31 Jan 2026 09:31:00 GMT", 60),
    ("Sat, 31 Jan 2026 09:29:00 GMT", 0), ("Sat, 31 Jan 99999 09:29:00 GMT", None),
    ("Sat, 31 Jan 2026 09:31:00", None),
])  # fmt: skip
def test_retry_after(value, seconds):
    assert retry_after_seconds(value, SINCE) == seconds


@given(st.text())
def test_any_retry_after_is_read_or_ignored(value):
    found = retry_after_seconds(value, SINCE)
    assert found is None or found >= 0
