"""What budgets decide, as tables and by property."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from kyros_worker.budgets import Budgets, Limits
from kyros_worker.cost.limits import (
    Counter,
    Refusal,
    alerts,
    counters,
    pause_after,
    refusal_by_day,
    refusal_by_task,
    soft_limit_reached,
)

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALL = Counter("live", "day", DAY)
KEY = Counter("live", "key:key_1", DAY)
usd = st.decimals(0, 1000, places=6)


def budgets(**limits):
    return Budgets.model_validate(limits)


@pytest.mark.parametrize(("limits", "expected"), [
    ({}, []),
    ({"task": {"hard": 1}}, []),
    ({"day": {"soft": 1}}, [ALL]),
    ({"key_day": {"hard": 0}}, [KEY]),
    ({"day": {"hard": 1}, "key_day": {"soft": 1}}, [ALL, KEY]),
])  # fmt: skip
def test_what_a_call_counts_to(limits, expected):
    assert list(counters(budgets(**limits), "live", "key_1", DAY)) == expected
    assert [one.created_by for one in expected] == [
        None if one is ALL else "key_1" for one in expected
    ]


@pytest.mark.parametrize(("spent", "needed", "refused"), [
    ("0", "1", False),
    ("0.99", "0.01", False),
    ("0.99", "0.010000000001", True),
    ("1", "0", False),
    ("7", "0", False),  # what costs nothing goes on
    ("7", "0.1", True),
])  # fmt: skip
def test_hard_limits(spent, needed, refused):
    spent, needed = Decimal(spent), Decimal(needed)
    by_task = refusal_by_task(budgets(task={"hard": 1}), spent, needed)
    by_day = refusal_by_day(budgets(day={"hard": 1}), {ALL: spent}, needed)
    assert (by_task is not None, by_day is not None) == (refused, refused)
    if refused:
        assert (by_task.limit, by_task.counter) == ("task", None)
        assert (by_day.limit, by_day.counter) == ("day", ALL)
        assert "1 USD" in by_day.sentence
        assert str(spent) in by_day.sentence


def test_soft_limits_refuse_nothing():
    soft = budgets(task={"soft": 1}, day={"soft": 1}, key_day={"soft": 1})
    assert refusal_by_task(soft, Decimal(5), Decimal(5)) is None
    assert refusal_by_day(soft, {ALL: Decimal(5), KEY: Decimal(5)}, Decimal(5)) is None


@pytest.mark.parametrize(("task", "key", "day", "expected"), [
    ("0.9", "1.9", "2.9", None),
    ("1", "5", "5", "task"),
    ("0", "2", "5", "key_day"),
    ("0", "0", "3.1", "day"),
])  # fmt: skip
def test_soft_limits(task, key, day, expected):
    soft = budgets(task={"soft": 1}, key_day={"soft": 2}, day={"soft": 3})
    found = {KEY: Decimal(key), ALL: Decimal(day)}
    assert soft_limit_reached(soft, Decimal(task), found) == expected
    assert soft_limit_reached(budgets(), Decimal(task), found) is None


def test_a_keys_limit_refuses_where_the_deployments_has_room():
    both = budgets(day={"hard": 10}, key_day={"hard": 1})
    found = refusal_by_day(both, {ALL: Decimal(2), KEY: Decimal(1)}, Decimal("0.1"))
    assert (found.limit, found.counter, found.hard) == ("key_day", KEY, 1)


@given(usd, usd, usd)
def test_what_is_not_refused_fits(spent, needed, hard):
    found = refusal_by_day(budgets(day={"hard": hard}), {ALL: spent}, needed)
    assert (found is None) == (needed == 0 or spent + needed <= hard)


@pytest.mark.parametrize(("at", "open_usd", "pause"), [
    (NOON, "0", 600),
    (NOON, "0.4", 600),
    (NOON, "0.5", 30),
    (NOON, "1", 30),
    (datetime(2026, 3, 1, 23, 55, tzinfo=UTC), "0", 300),
    (datetime(2026, 3, 1, 23, 59, 59, 500_000, tzinfo=UTC), "0", 1),
    (datetime(2026, 3, 1, tzinfo=UTC), "0", 600),
])  # fmt: skip
def test_pauses(at, open_usd, pause):
    refusal = Refusal("day", Decimal(1), Decimal(1), Decimal("0.5"), ALL)
    assert pause_after(refusal, Decimal(open_usd), at) == pause


@pytest.mark.parametrize(("amount", "refused", "levels"), [
    ("0.4", False, []),
    ("0.5", False, ["soft"]),
    ("0.9", True, ["soft", "hard"]),
    ("0.1", True, ["hard"]),
])  # fmt: skip
def test_alerts(amount, refused, levels):
    refusal = Refusal("key_day", Decimal(1), Decimal(amount), Decimal(1), KEY) if refused else None
    limits = Limits(soft=Decimal("0.5"), hard=Decimal(1))
    told = list(alerts(limits, KEY, Decimal(amount), refusal))
    assert [data["level"] for _, data in told] == levels
    assert len({key for key, _ in told}) == len(levels)
    for key, data in told:
        assert "2026-03-01" in key
        assert (data["created_by"], data["mode"], data["limit"]) == ("key_1", "live", "key_day")
        assert isinstance(data["amount_usd"], float)


@pytest.mark.parametrize("wrong", [
    {"day": {"soft": 2, "hard": 1}},
    {"day": {"hard": -1}},
    {"day": {"hrad": 1}},
    {"day": {"at_hard_limit": "fail"}},
    {"task": {"at_hard_limit": "wait"}},
    {"week": {"hard": 1}},
])  # fmt: skip
def test_wrong_budgets(wrong):
    with pytest.raises(ValidationError):
        budgets(**wrong)
