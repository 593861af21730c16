"""Whether every model that must have a price has one: looked at where a stack or worker starts.

It may load the public list of prices, which is too large for the processes of the API.
"""

from collections.abc import Iterator

from kyros_worker.configuration import Configuration
from kyros_worker.errors import ConfigurationError
from kyros_worker.model.catalog import ChosenModel, configured
from kyros_worker.model.prices import has_price
from kyros_worker.settings import Settings
from kyros_worker.words import ROLES, TIERS


def wrong_prices(configuration: Configuration) -> list[str]:
    """What is wrong, each with the setting's name before it; empty when nothing is.

    A premium model needs a price, a fallback as well: nobody could say what an escalation costs or
    saved. Where a budget has a hard limit, every model does: no limit can be kept without.
    """
    limit = next(iter(configuration.budgets.hard_limits), None)
    wrong: dict[str, str] = {}
    for model in _models(configuration):
        name, premium = f"{model.provider}:{model.name}", model.tier == "premium"
        if name in wrong or not (premium or limit) or has_price(model):
            continue
        reason = "it is of the premium tier" if premium else f"{limit} is set"
        wrong[name] = f'prices."{name}": must be set, for {reason} and no public list has its price'
    return list(wrong.values())


def require_prices(settings: Settings) -> None:
    """Raises ConfigurationError with one sentence when a price is missing."""
    if wrong := wrong_prices(settings.configuration):
        raise ConfigurationError(f"KYROS_CONFIG: {settings.config_file}: {'; '.join(wrong)}.")


def _models(configuration: Configuration) -> Iterator[ChosenModel]:
    for tier in reversed(TIERS):
        for role in ROLES:
            yield from configured(configuration, role, tier)
