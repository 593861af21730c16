"""One question to a model: what a role is shown goes out, its validated answer comes back."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic_ai.models import Model

from kyros_worker.agent import prompt, reading, rehearsal
from kyros_worker.agent.brief import Brief
from kyros_worker.model.call import call
from kyros_worker.model.catalog import SANDBOX, ChosenModel, ModelNotConfiguredError
from kyros_worker.model.failure import Failure
from kyros_worker.model.prices import cost
from kyros_worker.model.sandbox import SandboxModel
from kyros_worker.model.steering import steering
from kyros_worker.model.usage import Usage


@dataclass(frozen=True)
class Reply:
    """What came back: an answer or a failure, never both and never neither.

    `cost_usd` is None where the price is unknown or the usage was not reported.
    """

    answer: dict[str, Any] | None
    failure: Failure | None
    text: str
    usage: Usage
    cost_usd: Decimal | None
    latency_seconds: float


def prompt_text(brief: Brief, correction: str | None = None) -> str:
    """Exactly what `ask` sends: the system's part, an empty line, the user's part."""
    return prompt.render(brief, correction).text


async def ask(brief: Brief, model: ChosenModel, correction: str | None = None) -> Reply:
    """Ask a model for its role's answer; `correction` says what was wrong with the one before.

    A provider's fault, or an answer that is not valid, comes back as the reply's failure. Raises
    asyncio.CancelledError when it is cancelled.
    """
    sent = prompt.render(brief, correction)
    outcome = await call(_opened(model, brief, sent.text), model, sent.system, sent.user)
    answer, failure = None, outcome.failure
    if failure is None:
        try:
            answer = reading.read(outcome.text, brief).model_dump(mode="json")
        except reading.InvalidAnswerError as error:
            failure = Failure("invalid_output", str(error), retryable=True)
    return Reply(
        answer=answer,
        failure=failure,
        text=outcome.text,
        usage=outcome.usage,
        cost_usd=cost(model, outcome.usage) if outcome.usage.reported else None,
        latency_seconds=outcome.latency_seconds,
    )


def _opened(model: ChosenModel, brief: Brief, sent: str) -> Model:
    if model.provider != SANDBOX:
        raise ModelNotConfiguredError(f"No provider {model.provider} is configured.")
    steered = steering(brief.metadata, brief.role, brief.tier)
    return SandboxModel(
        model,
        steered,
        prompt=sent,
        text=rehearsal.answer(brief, steered),
        error=steered.error_now(brief.earlier_calls),
    )
