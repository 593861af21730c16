"""What calls cost, in USD, exactly."""

from dataclasses import replace
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from typing import Literal

from kyros_worker.configuration import Price
from kyros_worker.model.catalog import SANDBOX, SANDBOX_PRICES, ChosenModel
from kyros_worker.model.usage import NOTHING, Usage, tokens_at_most
from kyros_worker.settings import current

__all__ = [
    "SANDBOX_PRICES", "Unpriced", "cost", "cost_at_most", "has_price", "price_version", "unpriced",
]  # fmt: skip

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


@cache
def has_price(model: ChosenModel) -> bool:
    """Whether it is known what the model's tokens cost; 0 is a price."""
    # Asked for each call, and the public list looks it up slowly.
    return cost(model, Usage(input_tokens=1)) is not None


def cost_at_most(model: ChosenModel, prompt: str) -> Decimal | None:
    """What a call with this prompt costs if it answers up to its limit; None without a price.

    All of the prompt may be written to a cache, which some providers ask more for.
    """
    sent = tokens_at_most(prompt)
    fresh = Usage(input_tokens=sent, output_tokens=model.output_limit)
    plain = cost(model, fresh)
    kept = cost(model, replace(fresh, cache_write_tokens=sent))
    return None if plain is None or kept is None else max(plain, kept)


def price_version(model: ChosenModel) -> str | None:
    """Which table of prices counts for a model; None where it has no price."""
    if model.provider == SANDBOX:
        return SANDBOX
    if model.price is not None:
        return current().configuration.prices_version
    return _list_version() if has_price(model) else None


@cache
def _list_version() -> str:
    return f"genai-prices {version('genai-prices')}"


def _at(price: Price, usage: Usage) -> Decimal:
    cached, written = _cached(usage)
    millionths = (
        (usage.input_tokens - cached - written) * price.input
        + cached * (price.input if price.cached is None else price.cached)
        + written * (price.input if price.cache_write is None else price.cache_write)
        + usage.output_tokens * price.output
    )
    return millionths.scaleb(-6)


def _cached(usage: Usage) -> tuple[int, int]:
    """The input read from a cache and that written to one; together never more than was sent."""
    cached = min(usage.cache_read_tokens, usage.input_tokens)
    return cached, min(usage.cache_write_tokens, usage.input_tokens - cached)


def _listed(model: ChosenModel, usage: Usage) -> Decimal | None:
    if model.listed_under is None:
        return None
    # It holds the prices of thousands of models: 35 MB that only workers need.
    import genai_prices  # noqa: PLC0415

    cached, written = _cached(usage)
    used = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=cached,
        cache_write_tokens=written,
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
