"""Savings against premium only, as a table and by property."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.cost.savings import Answer, savings

usd = st.decimals(0, 1000, places=9)


@pytest.mark.parametrize(("answers", "spent", "saved", "percentage", "not_compared"), [
    ([], "0", "0", "0", 0),
    ([("0.10", "1.00")], "0.10", "0.90", "90", 0),
    ([("0.10", "1.00")], "0.60", "0.40", "40", 0),  # half a dollar was wasted
    ([("0.10", "1.00")], "1.50", "-0.50", "-50", 0),  # more wasted than saved
    ([("1.00", "1.00")], "1.00", "0", "0", 0),  # premium answered
    ([("1.00", "1.00")], "1.20", "-0.20", "-20", 0),  # after economy's tries
    ([], "0.30", "-0.30", "0", 0),  # nothing was accepted
    ([("0", "1.00")], "0", "1.00", "100", 0),  # a model of one's own
    ([("0.10", None)], "0.10", "0", "0", 1),
    ([("0.10", None), ("0.10", "1.00")], "0.20", "0.90", None, 1),
])  # fmt: skip
def test_savings(answers, spent, saved, percentage, not_compared):
    given_answers = [
        Answer(Decimal(cost), None if premium is None else Decimal(premium))
        for cost, premium in answers
    ]
    found = savings(given_answers, Decimal(spent))
    assert (found.usd, found.not_compared) == (Decimal(saved), not_compared)
    assert percentage is None or found.percentage == Decimal(percentage)


@given(st.lists(st.tuples(usd, usd)), usd)
def test_exact(answers, wasted):
    spent = sum((cost for cost, _ in answers), wasted)
    found = savings((Answer(*one) for one in answers), spent)
    assert found.usd == sum((premium - cost for cost, premium in answers), Decimal(0)) - wasted
