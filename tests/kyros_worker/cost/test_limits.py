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
    OwnBudget,
    Refusal,
    Standing,
    alerts,
    counters,
    pause_after,
    refusal_by_day,
    refusal_by_task,
)

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALL = Counter("live", "day", DAY)
KEY = Counter("live", "key:key_1", DAY)
OWN = Counter("live", f"own:key_1:{NOON.isoformat()}", DAY)
usd = st.decimals(0, 1000, places=6)


def budgets(**limits):
    return Budgets.model_validate(limits)


def standing(counter=ALL, amount="0", **limits):
    return Standing(counter, Limits.model_validate(limits), Decimal(amount))


@pytest.mark.parametrize(("limits", "expected"), [
    ({}, []),
    ({"task": {"hard": 1}}, []),
    ({"day": {"soft": 1}}, [ALL]),
    ({"key_day": {"hard": 0}}, [KEY]),
    ({"day": {"hard": 1}, "key_day": {"soft": 1}}, [ALL, KEY]),
])  # fmt: skip
def test_what_a_call_counts_to(limits, expected):
    found = counters(budgets(**limits), "live", "key_1", None, DAY)
    assert list(found) == expected
    assert list(found.values()) == [getattr(budgets(**limits), one.limit) for one in expected]
    assert [one.created_by for one in expected] == [
        None if one is ALL else "key_1" for one in expected
    ]


@pytest.mark.parametrize(("limits", "hard", "own", "others"), [
    ({}, "5", {"hard": 5}, []),
    ({}, "0", {"hard": 0}, []),
    ({"day": {"hard": 3}}, "5", {"hard": 5}, [ALL]),
    # Its hard limit stands in the place of the deployment's, above it or below.
    ({"key_day": {"hard": 2}}, "5", {"hard": 5}, [KEY]),
    ({"key_day": {"hard": 9}}, "5", {"hard": 5}, [KEY]),
    # The deployment's soft limit stays where it is below.
    ({"key_day": {"soft": 4}}, "5", {"soft": 4, "hard": 5}, [KEY]),
    ({"key_day": {"soft": 4, "hard": 4}}, "5", {"soft": 4, "hard": 5}, [KEY]),
    ({"key_day": {"soft": 5}}, "5", {"hard": 5}, [KEY]),
    ({"key_day": {"soft": 6, "hard": 9}}, "5", {"hard": 5}, [KEY]),
])  # fmt: skip
def test_a_keys_own_budget(limits, hard, own, others):
    mine = OwnBudget(Decimal(hard), NOON)
    found = counters(budgets(**limits), "live", "key_1", mine, DAY)
    assert list(found) == [*others, OWN]
    assert found[OWN] == Limits.model_validate(own)
    # What the deployment's limit counts is counted on, and holds nobody up meanwhile.
    assert found.get(KEY, Limits()) == Limits()
    assert (OWN.limit, OWN.created_by) == ("key_day", "key_1")


def test_a_budget_that_was_taken_away_counts_anew():
    """A counter that nobody kept for a while is never looked at again."""
    again = OwnBudget(Decimal(5), datetime(2026, 3, 1, 13, tzinfo=UTC))
    (other,) = counters(budgets(), "live", "key_1", again, DAY)
    assert other != OWN
    assert other.created_by == "key_1"


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
    by_day = refusal_by_day([standing(ALL, spent, hard=1)], needed)
    assert (by_task is not None, by_day is not None) == (refused, refused)
    if refused:
        assert (by_task.limit, by_task.counter) == ("task", None)
        assert (by_day.limit, by_day.counter) == ("day", ALL)
        assert "1 USD" in by_day.sentence
        assert str(spent) in by_day.sentence


def test_soft_limits_refuse_nothing():
    soft = [standing(ALL, "5", soft=1), standing(KEY, "5", soft=1)]
    assert refusal_by_task(budgets(task={"soft": 1}), Decimal(5), Decimal(5)) is None
    for needed in (Decimal(5), None):
        assert refusal_by_day(soft, needed) is None


def test_a_keys_limit_refuses_where_the_deployments_has_room():
    both = [standing(ALL, "2", hard=10), standing(KEY, "1", hard=1)]
    found = refusal_by_day(both, Decimal("0.1"))
    assert (found.limit, found.counter, found.hard) == ("key_day", KEY, 1)


def test_no_hard_limit_can_be_kept_without_a_price():
    for found in (
        refusal_by_task(budgets(task={"hard": 5}), Decimal(0), None),
        refusal_by_day([standing(OWN, hard=5)], None),
    ):
        assert found.needed is None
        assert "5 USD can't be kept" in found.sentence
        assert "[prices]" in found.sentence
        assert pause_after(found, Decimal(0), NOON) == 600
    assert refusal_by_task(budgets(), Decimal(0), None) is None
    ((_, data),) = alerts(Limits(hard=Decimal(5)), OWN, Decimal(0), found)
    assert (data["level"], data["created_by"]) == ("hard", "key_1")
    assert data["message"] == f"{found.sentence} New calls wait."


@given(usd, usd, usd)
def test_what_is_not_refused_fits(spent, needed, hard):
    found = refusal_by_day([standing(ALL, spent, hard=hard)], needed)
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
