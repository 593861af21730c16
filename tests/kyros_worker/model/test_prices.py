from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.model.catalog import TIERS, ChosenModel, choose
from kyros_worker.model.prices import SANDBOX_PRICES, cost, cost_at_most
from kyros_worker.model.usage import Usage, counted_tokens

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


def test_a_call_costs_at_most_its_prompt_and_its_limit():
    model = choose("critic", "economy", "test")
    assert cost_at_most(model, "x" * 400) == cost(model, Usage(100, model.output_limit))


def test_tokens_are_counted_at_four_characters_each_rounded_up():
    assert [counted_tokens("x" * length) for length in (0, 1, 4, 5, 8)] == [0, 1, 1, 2, 2]
