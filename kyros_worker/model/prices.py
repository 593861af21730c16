"""What calls cost, in USD, exactly."""

from decimal import Decimal
from typing import Literal

from kyros_worker.configuration import Price
from kyros_worker.model.catalog import SANDBOX_PRICES, ChosenModel
from kyros_worker.model.usage import NOTHING, Usage, counted_tokens

__all__ = ["SANDBOX_PRICES", "Unpriced", "cost", "cost_at_most", "has_price", "unpriced"]

#: Why the cost of a call is not known: the model has no price, or nobody told what it used.
Unpriced = Literal["no_price", "no_usage"]


def cost(model: ChosenModel, usage: Usage) -> Decimal | None:
    """What the usage costs at the model's price; None where no price is known, but 0 for nothing.

    The price is the configuration's, else the public list's (`genai-prices`, as installed: nothing
    is fetched). Exact for up to 10^12 tokens. Whether the usage was reported makes no difference.
    """
    if usage == NOTHING:
        return Decimal(0)
    if model.price is not None:
        return _at(model.price, usage)
    return _listed(model, usage)


def unpriced(model: ChosenModel, usage: Usage) -> Unpriced | None:
    """Why the cost of a call that used this is not known; None when it is."""
    if usage == NOTHING:
        return None
    if not has_price(model):
        return "no_price"
    return None if usage.reported else "no_usage"


def has_price(model: ChosenModel) -> bool:
    """Whether it is known what the model's tokens cost; 0 is a price."""
    return cost(model, Usage(input_tokens=1)) is not None


def cost_at_most(model: ChosenModel, prompt: str) -> Decimal | None:
    """What a call with this prompt costs if it answers up to its limit; None without a price."""
    most = Usage(input_tokens=counted_tokens(prompt), output_tokens=model.output_limit)
    return cost(model, most)


def _at(price: Price, usage: Usage) -> Decimal:
    cached_price = price.input if price.cached is None else price.cached
    cached = min(usage.cache_read_tokens, usage.input_tokens)
    millionths = (
        (usage.input_tokens - cached) * price.input
        + cached * cached_price
        + usage.output_tokens * price.output
    )
    return millionths.scaleb(-6)


def _listed(model: ChosenModel, usage: Usage) -> Decimal | None:
    if model.listed_under is None:
        return None
    # It holds the prices of thousands of models: 35 MB that only workers need.
    import genai_prices  # noqa: PLC0415

    used = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=min(usage.cache_read_tokens, usage.input_tokens),
        cache_write_tokens=usage.cache_write_tokens,
    )
    try:
        # Never by the model's name alone: a local server's model would get a stranger's price.
        if "://" in model.listed_under:
            found = genai_prices.calc_price(used, model.name, provider_api_url=model.listed_under)
        else:
            found = genai_prices.calc_price(used, model.name, provider_id=model.listed_under)
    except (LookupError, ValueError):
        return None
    return found.total_price
