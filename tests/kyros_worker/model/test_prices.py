from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.configuration import Price
from kyros_worker.model.catalog import TIERS, ChosenModel, choose
from kyros_worker.model.prices import SANDBOX_PRICES, cost, cost_at_most, price_version, unpriced
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
    assert cost_at_most(model, "x" * 400) == cost(model, Usage(200, model.output_limit))
    # A character that is a token of its own, or two.
    assert cost_at_most(model, "語" * 400) == cost(model, Usage(600, model.output_limit))
    dear = model.price.model_copy(update={"cache_write": Decimal(1)})
    most = Usage(200, model.output_limit, cache_write_tokens=200)
    assert cost_at_most(replace(model, price=dear), "x" * 400) == cost(
        replace(model, price=dear), most
    )


def test_input_written_to_a_cache_has_its_own_price():
    price = Price(
        input=Decimal(3), output=Decimal(15), cached=Decimal("0.3"), cache_write=Decimal("3.75")
    )
    model = ChosenModel(provider="local", name="mine", tier="premium", price=price)
    used = Usage(10**6, 0, cache_read_tokens=500_000, cache_write_tokens=200_000)
    assert cost(model, used) == Decimal("0.9") + Decimal("0.15") + Decimal("0.75")
    # More written than sent besides what was read: a provider's slip, never a negative cost.
    assert cost(model, Usage(10, 0, cache_read_tokens=8, cache_write_tokens=8)) == Decimal(
        "0.0000099"
    )


def test_thinking_is_part_of_the_output():
    model = choose("critic", "economy", "test")
    assert cost(model, Usage(10, 500, reasoning_tokens=400)) == cost(model, Usage(10, 500))


def test_which_prices_counted(schema):
    assert price_version(choose("critic", "economy", "test")) == "sandbox"
    priced = ChosenModel("local", "mine", "economy", price=Price(input=0, output=0))
    assert price_version(priced) == "configuration"
    listed = ChosenModel("openai", "gpt-5-mini", "economy", listed_under="openai")
    assert price_version(listed).startswith("genai-prices 0.")
    assert price_version(ChosenModel("local", "mine", "economy")) is None


def test_tokens_are_counted_at_four_characters_each_rounded_up():
    assert [counted_tokens("x" * length) for length in (0, 1, 4, 5, 8)] == [0, 1, 1, 2, 2]
