"""The sandbox model: a pydantic-ai model that answers what it was made with, or fails as told.

It takes the path that real models take: what comes out of it are the exceptions, the finish
reasons and the usage that a provider's model would give.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from pydantic_ai import exceptions as fault
from pydantic_ai.messages import FinishReason, ModelMessage, ModelResponse, TextPart
from pydantic_ai.models import CompletedStreamedResponse, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from kyros_worker.model.catalog import ChosenModel
from kyros_worker.model.steering import SandboxError, Steering
from kyros_worker.model.usage import counted_tokens

_RETRY_AFTER_SECONDS = 1.0
#: No answer of any role: what `invalid_output` rehearses.
UNFITTING_ANSWER = '{"sandbox": "an answer that does not fit its form, as metadata.sandbox asks"}'


class SandboxModel(FunctionModel):
    """Answers `text` after the steered delay, or fails with `error`.

    `prompt` is what its default input tokens are counted from.
    """

    def __init__(
        self,
        chosen: ChosenModel,
        steering: Steering,
        prompt: str,
        text: str,
        error: SandboxError | None = None,
    ) -> None:
        super().__init__(self._answer, model_name=chosen.name)
        self._steering = steering
        self._error = error
        self._text = UNFITTING_ANSWER if error == "invalid_output" else text
        self._used = _used(steering, chosen, prompt, self._text)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: Any = None,  # noqa: ARG002 - the interface's
    ) -> AsyncGenerator[StreamedResponse]:
        """The whole answer as one piece: FunctionModel's own streams can't carry a usage."""
        response = await self.request(messages, model_settings, model_request_parameters)
        # FunctionModel takes a usage of 0 and 0 for none, and estimates one.
        response.usage = self._used
        yield CompletedStreamedResponse(response, model_request_parameters=model_request_parameters)

    async def _answer(self, _: list[ModelMessage], __: AgentInfo) -> ModelResponse:
        await asyncio.sleep(self._steering.delay_seconds)
        error = _provider_error(self._error, self.model_name)
        if error is not None:
            raise error
        refused = self._error == "content_refused"
        reason: FinishReason = "content_filter" if refused else "stop"
        return ModelResponse(
            parts=[] if refused else [TextPart(self._text)],
            usage=self._used,
            finish_reason=reason,
            provider_details={"refusal": "the sandbox was told to refuse"} if refused else None,
        )


def _used(steering: Steering, chosen: ChosenModel, prompt: str, text: str) -> RequestUsage:
    """As steered, else counted from the texts; never more output than a provider would give."""
    sent, answered = steering.input_tokens, steering.output_tokens
    if answered is None:
        answered = min(counted_tokens(text), chosen.output_limit)
    return RequestUsage(
        input_tokens=counted_tokens(prompt) if sent is None else sent, output_tokens=answered
    )


def _provider_error(error: SandboxError | None, name: str) -> Exception | None:
    """What a real provider's model raises; None where it answers with the error instead."""
    body = "the sandbox was told to fail"
    match error:
        case "rate_limited":
            return fault.ModelHTTPError.for_category(
                fault.ModelRateLimitError,
                status_code=429,
                model_name=name,
                body=body,
                retry_after=_RETRY_AFTER_SECONDS,
            )
        case "server_error":
            return fault.ModelHTTPError.for_category(
                fault.ModelServerError, status_code=500, model_name=name, body=body
            )
        case "timeout":
            return fault.ModelTimeoutError(name, body, phase="read")
        case _:
            return None
