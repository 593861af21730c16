"""Which model answers for a role: by tier, and by the mode of the task."""

from dataclasses import dataclass
from decimal import Decimal

from kyros_worker.auth.subject import Mode
from kyros_worker.configuration import OWN_SERVERS, Choice, Configuration, Price
from kyros_worker.errors import InvalidError
from kyros_worker.settings import Role, current
from kyros_worker.words import TIERS, Tier

__all__ = [
    "SANDBOX", "SANDBOX_PRICES", "TIERS", "ChosenModel", "ModelNotConfiguredError", "Tier",
    "choose", "choose_in_order", "configured", "nobody",
]  # fmt: skip

SANDBOX = "sandbox"
#: Of the order that real models of these tiers cost, so that budgets and savings can be rehearsed.
SANDBOX_PRICES: dict[Tier, Price] = {
    "economy": Price(input=Decimal("0.25"), output=Decimal("2.00")),
    "premium": Price(input=Decimal("3.00"), output=Decimal("15.00")),
}


class ModelNotConfiguredError(InvalidError):
    """Live work for a role that no model is configured for."""

    code = "model_not_configured"


@dataclass(frozen=True)
class ChosenModel:
    """A model to call. `output_limit` is the most tokens that it is told to answer with."""

    provider: str
    name: str
    tier: Tier
    output_limit: int = 16_384
    #: How long one call may take, in seconds.
    timeout_seconds: float = 300
    #: What it costs; None where only a public list can tell.
    price: Price | None = None
    #: Under which provider's kind or address that list is asked.
    listed_under: str | None = None
    #: Whether its answer is streamed, or comes as a whole.
    streamed: bool = True

    @property
    def full_name(self) -> str:
        """`provider:name`, as the configuration has it."""
        return f"{self.provider}:{self.name}"


def choose(role: Role, tier: Tier, mode: Mode) -> ChosenModel:
    """The model of a role and tier; in test mode always the sandbox.

    Raises ModelNotConfiguredError when no model is configured for live work.
    """
    return choose_in_order(role, tier, mode)[0]


def choose_in_order(role: Role, tier: Tier, mode: Mode) -> tuple[ChosenModel, ...]:
    """The model of a role and tier, and its fallbacks behind it; the sandbox has none.

    Raises ModelNotConfiguredError when no model is configured for live work.
    """
    if mode == "test":
        name = f"{SANDBOX}-{tier}"
        return (ChosenModel(SANDBOX, name, tier, price=SANDBOX_PRICES[tier]),)
    models = configured(current().configuration, role, tier)
    if not models:
        raise ModelNotConfiguredError(
            f"No {tier} model is configured for the {role}: name one for this role in the file "
            "that KYROS_CONFIG points to, or work in test mode with a kyros_test_ key."
        )
    return models


def configured(configuration: Configuration, role: Role, tier: Tier) -> tuple[ChosenModel, ...]:
    """What a configuration names for live work, in order; empty where it names nothing."""
    chosen = configuration.chosen(role, tier)
    return tuple(_configured(configuration, chosen, model, tier) for model in chosen.in_order)


def nobody(tier: Tier) -> ChosenModel:
    """Stands for the model that was configured when work was taken in, and is no longer."""
    return ChosenModel(provider="none", name="none", tier=tier)


def _configured(
    configuration: Configuration, chosen: Choice, model: str, tier: Tier
) -> ChosenModel:
    provider_name, _, name = model.partition(":")
    provider = configuration.providers[provider_name]
    kind = provider.kind.removesuffix("-responses")
    return ChosenModel(
        provider=provider_name,
        name=name,
        tier=tier,
        output_limit=chosen.output_tokens or ChosenModel.output_limit,
        timeout_seconds=chosen.timeout_seconds or ChosenModel.timeout_seconds,
        price=configuration.prices.get(model),
        listed_under=provider.base_url if kind in OWN_SERVERS else kind,
        streamed=provider.stream,
    )
