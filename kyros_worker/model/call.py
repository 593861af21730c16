"""One call to a model: streamed where it can be, bounded in time, its faults sorted at the source.

Everything of pydantic-ai that a call touches is here, in `providers.py` and in `sandbox.py`;
importing any takes most of a second, so the API process does not.
"""

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Any

from pydantic_ai import exceptions as fault
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelRequest, ModelResponse, UserPromptPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.settings import ModelSettings

from kyros_worker.model.catalog import ChosenModel
from kyros_worker.model.failure import ErrorKind, Failure
from kyros_worker.model.storable import shortened, storable
from kyros_worker.model.usage import NOTHING, UNREPORTED, Usage
from kyros_worker.redact import redacted

_MESSAGE_LENGTH = 500
#: Time-outs of a gateway: the model behind it may have worked, and be billed.
_GATEWAY_TIMEOUTS = frozenset({408, 504})


@dataclass(frozen=True)
class Outcome:
    """What came of a call: the text answered ("" when none), what it used, how long it took."""

    text: str
    usage: Usage
    failure: Failure | None
    latency_seconds: float


@dataclass(frozen=True)
class Form:
    """The JSON schema that a provider is asked to hold its answer to, if it can.

    `strict` is whether it is to be put into the narrower shape that OpenAI's strict mode wants.
    """

    name: str
    schema: dict[str, Any]
    strict: bool


#: Models whose server refused a JSON schema: they are asked in words alone from then on.
_refused_schema: set[tuple[str, str]] = set()


async def call(
    model: Model, chosen: ChosenModel, system: str, user: str, form: Form | None = None
) -> Outcome:
    """Ask a model. A fault of its provider is a value; cancelling closes the connection.

    Raises asyncio.CancelledError when it is cancelled, and whatever is a bug of ours.
    """
    started = time.monotonic()
    key = (chosen.provider, chosen.name)
    usable = None if key in _refused_schema else _usable(model, form)
    outcome = await _attempt(model, chosen, system, user, usable)
    if usable is not None and _refuses_schema(outcome.failure):
        _refused_schema.add(key)
        outcome = await _attempt(model, chosen, system, user, None)
    return replace(outcome, latency_seconds=time.monotonic() - started)


async def _attempt(
    model: Model, chosen: ChosenModel, system: str, user: str, form: Form | None
) -> Outcome:
    text, usage, failure = "", NOTHING, None
    try:
        response = await _answer(model, chosen, system, user, form)
    except (fault.AgentRunError, fault.UserError, OSError) as error:
        usage, failure = _usage_of_failed(error), sort_error(error)
        if failure.kind == "connection":
            # Whoever reads it has a setting to look at: nothing was heard from the provider.
            told = f"{failure.message.removesuffix('.')} (providers.{chosen.provider})."
            failure = replace(failure, message=told)
    else:
        text, usage = storable(response.text or ""), _usage(response)
        if (stopped := _stopped(response, chosen)) is not None:
            failure = sort_error(stopped)
    return Outcome(text, usage, failure, 0)


async def _answer(
    model: Model, chosen: ChosenModel, system: str, user: str, form: Form | None
) -> ModelResponse:
    messages = [ModelRequest(parts=[UserPromptPart(user)], instructions=system)]
    settings = ModelSettings(
        max_tokens=chosen.output_limit,
        # Each wait for a piece of the answer; the libraries' own default would cut long ones.
        timeout=chosen.timeout_seconds,
        # Trying again is ours to decide: a submission waits for it as a row, not in a process.
        max_retries=0,
    )
    parameters = _parameters(form)
    # Ours, not pydantic-ai's request_timeout, whose scope around every event costs 0.1 ms a call.
    async with asyncio.timeout(chosen.timeout_seconds):
        if not chosen.streamed:
            return await model_request(
                model, messages, model_settings=settings, model_request_parameters=parameters
            )
        async with model_request_stream(
            model, messages, model_settings=settings, model_request_parameters=parameters
        ) as stream:
            async for _ in stream:
                pass
            return stream.get()


def _usable(model: Model, form: Form | None) -> Form | None:
    return form if model.profile.get("supports_json_schema_output") else None


def _parameters(form: Form | None) -> ModelRequestParameters | None:
    if form is None:
        return None
    asked = OutputObjectDefinition(
        json_schema=form.schema, name=form.name, strict=True if form.strict else None
    )
    return ModelRequestParameters(output_mode="native", output_object=asked)


def _refuses_schema(failure: Failure | None) -> bool:
    """Whether a server says that it can't hold an answer to our schema, or to any."""
    if failure is None or failure.kind != "rejected":
        return False
    return any(word in failure.message.lower() for word in _SCHEMA_WORDS)


_SCHEMA_WORDS = ("response_format", "json_schema", "output_config", "output_format", "schema",
                 "grammar")  # fmt: skip


def _stopped(response: ModelResponse, chosen: ChosenModel) -> Exception | None:
    """What an Agent would raise for an answer that was cut or refused; a direct call doesn't."""
    if response.finish_reason == "content_filter":
        detail = (response.provider_details or {}).get("refusal")
        return fault.ContentFilterError(str(detail or "no reason was given"))
    if response.finish_reason == "length":
        return fault.OutputTokenLimitExceeded(
            f"it was cut at {chosen.output_limit} tokens (output_tokens of the model)"
        )
    return None


def _usage(response: ModelResponse) -> Usage:
    used = response.usage
    return Usage(
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cache_read_tokens=used.cache_read_tokens,
        reasoning_tokens=used.output_reasoning_tokens,
        reported=not used.unmeasured_requests,
        cache_write_tokens=used.cache_write_tokens,
    )


def _usage_of_failed(error: Exception) -> Usage:
    """Nothing where the provider surely did no work, else unreported."""
    if isinstance(error, fault.ModelHTTPError):
        worked = error.in_stream or error.status_code in _GATEWAY_TIMEOUTS
    elif isinstance(error, fault.ModelConnectionError):
        worked = error.phase not in ("pool", "connect")
    else:
        worked = not isinstance(error, fault.UserError)
    return UNREPORTED if worked else NOTHING


#: The first class that fits decides, so a subclass stands before its parent.
_SORTED: tuple[tuple[type[Exception], ErrorKind, bool, str], ...] = (
    (fault.ModelRateLimitError, "rate_limited", True, "The provider's rate limit is reached"),
    (fault.ConcurrencyLimitExceeded, "rate_limited", True, "Too many calls at once"),
    (fault.ModelQuotaExceededError, "rejected", False, "The account's quota or credit is used up"),
    (fault.ModelUnavailableError, "server_error", True, "The provider is unavailable"),
    (fault.ModelServerError, "server_error", True, "The provider failed"),
    (fault.ModelTimeoutError, "timeout", True, "The provider did not answer in time"),
    (fault.ModelRequestTimeout, "timeout", True, "The provider did not answer in time"),
    (fault.RunTimedOut, "timeout", True, "The call took too long"),
    (fault.RunCancelled, "rejected", False, "The call was cancelled"),
    (fault.ModelConnectionError, "connection", True, "The connection to the provider failed"),
    (fault.ModelAuthenticationError, "rejected", False, "The provider refused the credentials"),
    (fault.ModelNotFoundError, "rejected", False, "The provider does not have the model"),
    (
        fault.ModelContextWindowExceededError,
        "rejected",
        False,
        "The task is too long for the model",
    ),
    (fault.ModelRequestRejectedError, "rejected", False, "The provider rejected the request"),
    (fault.ContentFilterError, "content_refused", False, "The provider refused the content"),
    (fault.OutputTokenLimitExceeded, "invalid_output", False, "The answer exceeds its limit"),
    (fault.UnexpectedModelBehavior, "invalid_output", True, "The provider's answer can't be read"),
    (fault.UsageLimitExceeded, "rejected", False, "A usage limit is reached"),
    (fault.UserError, "rejected", False, "The model is not configured rightly"),
    # A plain API error is an answer that is not even JSON: a proxy's page, most often.
    (fault.AgentRunError, "server_error", True, "The provider failed"),
    (TimeoutError, "timeout", True, "The provider did not answer in time"),
    (OSError, "connection", True, "The provider could not be reached"),
)


def sort_error(error: Exception) -> Failure:
    """What a fault of a provider means: its kind, and whether another try may help.

    Anything that is no provider's fault is raised as it is.
    """
    if type(error) is fault.ModelHTTPError:
        kind, retryable, words = _by_status(error.status_code)
    else:
        for known, kind, retryable, words in _SORTED:  # noqa: B007 - read after the loop
            if isinstance(error, known):
                break
        else:
            raise error
    told = _told(error)
    message = f"{words}: {told}" if told else f"{words}."
    message = storable(shortened(redacted(message), _MESSAGE_LENGTH))
    return Failure(kind, message, retryable, getattr(error, "retry_after", None))


def _told(error: Exception) -> str:
    """The provider's own words, where it has any."""
    if not isinstance(error, fault.ModelHTTPError):
        return str(error)
    body = error.body
    if isinstance(body, dict):
        inner = body.get("error")
        body = (inner if isinstance(inner, dict) else body).get("message") or body
    words = " ".join(str(body or "").split())
    return f"{error.status_code} {words}".rstrip()


def _by_status(status: int) -> tuple[ErrorKind, bool, str]:
    """How a plain HTTP error is sorted, one that pydantic-ai has no category for."""
    if status in _GATEWAY_TIMEOUTS:
        return "timeout", True, "The provider did not answer in time"
    if status == 429:  # noqa: PLR2004
        return "rate_limited", True, "The provider's rate limit is reached"
    if status >= 500:  # noqa: PLR2004
        return "server_error", True, "The provider failed"
    return "rejected", False, "The provider rejected the request"
