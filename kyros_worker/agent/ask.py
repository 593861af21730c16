"""One question to a model: what a role is shown goes out, its validated answer comes back."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic_ai.models import Model

from kyros_worker.agent import prompt, reading, rehearsal
from kyros_worker.agent.answers import schema
from kyros_worker.agent.brief import Brief
from kyros_worker.agent.prompt import Prompt
from kyros_worker.model import providers
from kyros_worker.model.call import Form, Outcome, call
from kyros_worker.model.catalog import SANDBOX, ChosenModel, ModelNotConfiguredError
from kyros_worker.model.failure import Failure
from kyros_worker.model.prices import Unpriced, cost, unpriced
from kyros_worker.model.sandbox import SandboxModel
from kyros_worker.model.steering import steering
from kyros_worker.model.usage import NOTHING, Usage
from kyros_worker.redact import redacted
from kyros_worker.settings import Role


@dataclass(frozen=True)
class Reply:
    """What came back: an answer or a failure, never both and never neither.

    `cost_usd` is None where the price is unknown or the usage was not reported; `unpriced` says
    which.
    """

    answer: dict[str, Any] | None
    failure: Failure | None
    text: str
    usage: Usage
    cost_usd: Decimal | None
    latency_seconds: float
    unpriced: Unpriced | None = None


def prompt_text(brief: Brief, correction: str | None = None) -> str:
    """Exactly what `ask` sends: the system's part, an empty line, the user's part."""
    return prompt.render(brief, correction).text


async def ask(brief: Brief, model: ChosenModel, correction: str | None = None) -> Reply:
    """Ask a model for its role's answer; `correction` says what was wrong with the one before.

    A provider's fault, or an answer that is not valid, comes back as the reply's failure. Raises
    asyncio.CancelledError when it is cancelled.
    """
    sent = prompt.render(brief, correction)
    outcome = await _call(brief, model, sent)
    answer, failure = None, outcome.failure
    if failure is None:
        try:
            answer = reading.read(outcome.text, brief).model_dump(mode="json")
        except reading.InvalidAnswerError as error:
            failure = Failure("invalid_output", redacted(str(error)), retryable=True)
    missing = unpriced(model, outcome.usage)
    return Reply(
        answer=answer,
        failure=failure,
        text=outcome.text,
        usage=outcome.usage,
        cost_usd=None if missing else cost(model, outcome.usage),
        latency_seconds=outcome.latency_seconds,
        unpriced=missing,
    )


async def _call(brief: Brief, model: ChosenModel, sent: Prompt) -> Outcome:
    if model.provider == SANDBOX:
        return await call(_sandbox(model, brief, sent.text), model, sent.system, sent.user)
    try:
        opened = await providers.opened(model)
        form = _form(model, brief.role)
    except ModelNotConfiguredError as error:
        # The work was taken in under another configuration, or its library is missing here.
        failure = Failure("rejected", redacted(error.message), retryable=False)
        return Outcome("", NOTHING, failure, latency_seconds=0)
    return await call(opened, model, sent.system, sent.user, form)


def _form(model: ChosenModel, role: Role) -> Form | None:
    if providers.asks_for_schema(model) is False:
        return None
    return Form(f"{role}_answer", schema(role), strict=not providers.is_lenient(model))


def _sandbox(model: ChosenModel, brief: Brief, sent: str) -> Model:
    steered = steering(brief.metadata, brief.role, brief.tier)
    return SandboxModel(
        model,
        steered,
        prompt=sent,
        text=rehearsal.answer(brief, steered),
        error=steered.error_now(brief.earlier_calls),
    )
