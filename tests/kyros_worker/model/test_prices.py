from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.configuration import Price
from kyros_worker.model.catalog import TIERS, ChosenModel, choose
from kyros_worker.model.prices import SANDBOX_PRICES, cost, cost_at_most, unpriced
from kyros_worker.model.usage import NOTHING, UNREPORTED, Usage, counted_tokens

tokens = st.integers(0, 10**12)


@given(tokens, tokens, st.sampled_from(TIERS))
def test_a_cost_is_exact(sent, answered, tier):
    found = cost(choose("critic", tier, "test"), Usage(sent, answered))
    price = SANDBOX_PRICES[tier]
    exact = Fraction(sent) * Fraction(price.input) + Fraction(answered) * Fraction(price.output)
    assert isinstance(found, Decimal)
    assert Fraction(found) == exact / 1_000_000


@given(st.lists(st.tuples(tokens, tokens), max_size=20))
def test_costs_add_up_to_the_cost_of_the_sum(calls):
    model = choose("critic", "premium", "test")
    each = [cost(model, Usage(*call)) for call in calls]
    together = Usage(sum(call[0] for call in calls), sum(call[1] for call in calls))
    assert sum(each, Decimal(0)) == cost(model, together)


def test_a_million_tokens_cost_the_list_price():
    economy, premium = (choose("critic", tier, "test") for tier in TIERS)
    assert cost(economy, Usage(10**6, 0)) == Decimal("0.25")
    assert cost(economy, Usage(0, 10**6)) == Decimal("2.00")
    assert cost(premium, Usage(10**6, 10**6)) == Decimal("18.00")
    assert cost(premium, Usage(0, 0)) == 0


def test_the_price_of_a_model_that_has_none_is_unknown():
    model = ChosenModel(provider="local", name="mine", tier="economy")
    assert cost(model, Usage(1, 1)) is None
    assert cost_at_most(model, "prompt") is None


def test_cached_input_has_its_own_price():
    price = Price(input=Decimal("0.20"), output=Decimal("0.80"), cached=Decimal("0.05"))
    model = ChosenModel(provider="local", name="mine", tier="economy", price=price)
    assert cost(model, Usage(10**6, 10**6, cache_read_tokens=400_000)) == Decimal("0.94")
    assert cost(replace(model, price=price.model_copy(update={"cached": None})),
                Usage(10**6, 0, cache_read_tokens=400_000)) == Decimal("0.20")  # fmt: skip
    # More cached than sent: a provider's slip, never a negative cost.
    assert cost(model, Usage(10, 0, cache_read_tokens=20)) == Decimal("0.0000005")


@pytest.mark.parametrize(("listed_under", "name", "expected"), [
    ("openai", "gpt-5-mini", "0.00116"),
    ("https://api.openai.com/v1", "gpt-5-mini", "0.00116"),
    ("http://127.0.0.1:11434/v1", "gpt-5-mini", None),
    ("huggingface", "gpt-5-mini", None),
    ("openai", "no-such-model", None),
    (None, "gpt-5-mini", None),
])  # fmt: skip
def test_the_public_lists_price_is_by_provider_never_by_name_alone(listed_under, name, expected):
    model = ChosenModel(provider="x", name=name, tier="economy", listed_under=listed_under)
    found = cost(model, Usage(1000, 500, cache_read_tokens=400))
    assert found == (None if expected is None else Decimal(expected))
    assert found is None or isinstance(found, Decimal)


def test_why_a_cost_is_not_known():
    priced, unknown = choose("critic", "economy", "test"), ChosenModel("local", "mine", "economy")
    assert unpriced(priced, Usage(1, 1)) is None
    assert unpriced(priced, UNREPORTED) == "no_usage"
    assert unpriced(unknown, Usage(1, 1)) == unpriced(unknown, UNREPORTED) == "no_price"
    # A provider that refused before any work is owed nothing, whatever it would have asked for.
    assert unpriced(unknown, NOTHING) is None
    assert cost(unknown, NOTHING) == 0


def test_a_call_costs_at_most_its_prompt_and_its_limit():
    model = choose("critic", "economy", "test")
    assert cost_at_most(model, "x" * 400) == cost(model, Usage(100, model.output_limit))


def test_tokens_are_counted_at_four_characters_each_rounded_up():
    assert [counted_tokens("x" * length) for length in (0, 1, 4, 5, 8)] == [0, 1, 1, 2, 2]
