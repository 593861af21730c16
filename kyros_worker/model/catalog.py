"""Which model answers for a role: by tier, and by the mode of the task."""

from dataclasses import dataclass
from typing import Literal, get_args

from kyros_worker.auth.subject import Mode
from kyros_worker.errors import InvalidError
from kyros_worker.settings import Role

Tier = Literal["economy", "premium"]
TIERS: tuple[Tier, ...] = get_args(Tier)

SANDBOX = "sandbox"


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
    timeout_seconds: float = 120


def choose(role: Role, tier: Tier, mode: Mode) -> ChosenModel:
    """The model of a role and tier; in test mode always the sandbox.

    Raises ModelNotConfiguredError when no model is configured for live work.
    """
    if mode == "test":
        return ChosenModel(provider=SANDBOX, name=f"{SANDBOX}-{tier}", tier=tier)
    raise ModelNotConfiguredError(
        f"No {tier} model is configured for the {role}: name one for this role in the file that "
        "KYROS_CONFIG points to, or work in test mode with a kyros_test_ key."
    )
