"""What calls cost, in USD, exactly."""

from dataclasses import dataclass
from decimal import Decimal

from kyros_worker.model.catalog import SANDBOX, ChosenModel, Tier
from kyros_worker.model.usage import Usage, counted_tokens


@dataclass(frozen=True)
class Price:
    """List prices in USD per million tokens."""

    input: Decimal
    output: Decimal


#: Of the order that real models of these tiers cost, so that budgets and savings can be rehearsed.
SANDBOX_PRICES: dict[Tier, Price] = {
    "economy": Price(input=Decimal("0.25"), output=Decimal("2.00")),
    "premium": Price(input=Decimal("3.00"), output=Decimal("15.00")),
}


def cost(model: ChosenModel, usage: Usage) -> Decimal | None:
    """What the usage costs at the model's list price; None where no price is known.

    Exact for up to 10^18 tokens. Whether the usage was reported makes no difference here.
    """
    if model.provider != SANDBOX:
        return None
    price = SANDBOX_PRICES[model.tier]
    millionths = usage.input_tokens * price.input + usage.output_tokens * price.output
    return millionths.scaleb(-6)


def cost_at_most(model: ChosenModel, prompt: str) -> Decimal | None:
    """What a call with this prompt costs if it answers up to its limit; None without a price."""
    most = Usage(input_tokens=counted_tokens(prompt), output_tokens=model.output_limit)
    return cost(model, most)
