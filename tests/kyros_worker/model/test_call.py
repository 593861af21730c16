"""Faults of a provider are sorted at the source; our own are not hidden."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pydantic_ai import exceptions as fault
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.models import CompletedStreamedResponse, ModelRequestParameters
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.usage import RequestUsage

from kyros_worker.model.call import call, sort_error
from kyros_worker.model.catalog import choose
from kyros_worker.model.usage import NOTHING, UNREPORTED, Usage

CHOSEN = choose("critic", "economy", "test")


def http(category, status, **more):
    return fault.ModelHTTPError.for_category(category, status_code=status, model_name="m", **more)


SORTED = [
    (http(fault.ModelRateLimitError, 429, retry_after=7.5), "rate_limited", True, 7.5),
    (http(fault.ModelRateLimitError, 429, headers={"Retry-After": "3"}), "rate_limited", True, 3.0),
    (fault.ModelRateLimitError("m", "slow down"), "rate_limited", True, None),
    (fault.ConcurrencyLimitExceeded("full"), "rate_limited", True, None),
    (http(fault.ModelQuotaExceededError, 429), "rejected", False, None),
    (http(fault.ModelQuotaExceededError, 402), "rejected", False, None),
    (http(fault.ModelServerError, 500), "server_error", True, None),
    (http(fault.ModelUnavailableError, 503, retry_after=2), "server_error", True, 2),
    (http(fault.ModelOverloadedError, 529), "server_error", True, None),
    (http(None, 408), "timeout", True, None),
    (http(None, 504), "timeout", True, None),
    (http(None, 429), "rate_limited", True, None),
    (http(None, 599), "server_error", True, None),
    (http(None, 418), "rejected", False, None),
    (fault.ModelConnectionError("m", "refused", phase="connect"), "connection", True, None),
    (fault.ModelTimeoutError("m", "slow", phase="read"), "timeout", True, None),
    (fault.ModelRequestTimeout("m", 120), "timeout", True, None),
    (fault.RunTimedOut("late"), "timeout", True, None),
    (fault.RunCancelled("cancelled"), "rejected", False, None),
    (fault.ModelAPIError("m", "<html>"), "server_error", True, None),
    (http(fault.ModelAuthenticationError, 401), "rejected", False, None),
    (http(fault.ModelAuthenticationError, 403), "rejected", False, None),
    (http(fault.ModelNotFoundError, 404), "rejected", False, None),
    (http(fault.ModelRequestRejectedError, 400), "rejected", False, None),
    (http(fault.ModelContextWindowExceededError, 400), "rejected", False, None),
    (fault.ContentFilterError("no"), "content_refused", False, None),
    (fault.OutputTokenLimitExceeded("cut"), "invalid_output", False, None),
    (fault.IncompleteToolCall("cut"), "invalid_output", False, None),
    (fault.UnexpectedModelBehavior("odd"), "invalid_output", True, None),
    (fault.UsageLimitExceeded("enough"), "rejected", False, None),
    (fault.UserError("no key"), "rejected", False, None),
    (fault.AgentRunError("other"), "server_error", True, None),
    (TimeoutError(), "timeout", True, None),
    (ConnectionRefusedError("refused"), "connection", True, None),
]


def name(value):
    return type(value).__name__ if isinstance(value, Exception) else None


@pytest.mark.parametrize(("error", "kind", "retryable", "retry_after"), SORTED, ids=name)
def test_a_fault_is_sorted(error, kind, retryable, retry_after):
    failure = sort_error(error)
    assert (failure.kind, failure.retryable, failure.retry_after) == (kind, retryable, retry_after)
    assert failure.message


def test_every_fault_that_the_library_can_raise_is_sorted():
    def below(cls):
        return {cls, *(deeper for child in cls.__subclasses__() for deeper in below(child))}

    known = {cls for error, *_ in SORTED for cls in type(error).__mro__}
    private_or_never_direct = {"SuspendedResponseExpired"}
    assert {
        cls.__name__
        for cls in below(fault.AgentRunError)
        if cls.__module__ == "pydantic_ai.exceptions" and cls not in known
    } <= private_or_never_direct


@pytest.mark.parametrize("error", [RuntimeError("another event loop"), ValueError("ours")])
def test_a_bug_is_no_fault_of_the_provider(error):
    with pytest.raises(type(error)):
        sort_error(error)
    with pytest.raises(type(error)):
        asked(raising(error))


def test_a_message_is_bounded_and_storable():
    failure = sort_error(fault.ModelAPIError("m", "a\x00b\ud800" + "x" * 100_000))
    assert len(failure.message) <= 500
    assert "ab" in failure.message
    failure.message.encode()


class Answering(FunctionModel):
    """A model whose response is given whole, with what a provider may say beside its text."""

    def __init__(self, response):
        super().__init__(lambda *_: response)
        self.response = response

    @asynccontextmanager
    async def request_stream(self, messages, model_settings, parameters, run_context=None):
        self.asked = (messages, model_settings)
        yield CompletedStreamedResponse(
            self.response, model_request_parameters=ModelRequestParameters()
        )


def raising(error):
    async def answer(messages, info):
        raise error
        yield ""

    return FunctionModel(stream_function=answer)


def asked(model, chosen=CHOSEN):
    return asyncio.run(call(model, chosen, "be good", "do it"))


def test_what_is_sent_and_what_comes_back():
    usage = RequestUsage(
        input_tokens=9, output_tokens=7, cache_read_tokens=5, output_reasoning_tokens=3
    )
    model = Answering(ModelResponse(parts=[TextPart("yes\x00\ud800")], usage=usage))
    outcome = asked(model)
    assert (outcome.text, outcome.failure) == ("yes", None)
    assert outcome.usage == Usage(9, 7, 5, 3, reported=True)
    assert 0 <= outcome.latency_seconds < 5
    (message,), settings = model.asked
    assert message.instructions == "be good"
    assert [part.content for part in message.parts] == ["do it"]
    assert settings["max_tokens"] == CHOSEN.output_limit


def test_a_streamed_answer_is_put_together():
    async def stream(messages, info):
        for piece in ("one ", "two ", "three"):
            yield piece

    assert asked(FunctionModel(stream_function=stream)).text == "one two three"


def test_an_answer_without_usage_is_unreported():
    used = RequestUsage(unmeasured_requests=1)
    assert asked(Answering(ModelResponse(parts=[TextPart("x")], usage=used))).usage == UNREPORTED


@pytest.mark.parametrize(
    ("reason", "kind", "retryable"),
    [("content_filter", "content_refused", False), ("length", "invalid_output", False)],
)
def test_an_answer_that_was_stopped_fails_and_is_paid(reason, kind, retryable):
    used = RequestUsage(input_tokens=4, output_tokens=2)
    response = ModelResponse(parts=[TextPart("half")], usage=used, finish_reason=reason)
    outcome = asked(Answering(response))
    assert (outcome.failure.kind, outcome.failure.retryable) == (kind, retryable)
    assert (outcome.text, outcome.usage) == ("half", Usage(4, 2))


@pytest.mark.parametrize(
    ("error", "usage"),
    [
        (http(fault.ModelRateLimitError, 429), NOTHING),
        (http(fault.ModelAuthenticationError, 401), NOTHING),
        (http(fault.ModelServerError, 500), NOTHING),
        (http(fault.ModelServerError, 500, in_stream=True), UNREPORTED),
        (http(fault.ModelServerError, 504), UNREPORTED),
        (http(None, 408), UNREPORTED),
        (fault.ModelConnectionError("m", "refused", phase="connect"), NOTHING),
        (fault.ModelConnectionError("m", "reset", phase="read"), UNREPORTED),
        (fault.ModelTimeoutError("m", "slow"), UNREPORTED),
        (fault.UserError("no key"), NOTHING),
        (fault.UnexpectedModelBehavior("odd"), UNREPORTED),
        (ConnectionResetError(), UNREPORTED),
    ],
    ids=name,
)
def test_only_a_refusal_before_any_work_surely_cost_nothing(error, usage):
    outcome = asked(raising(error))
    assert outcome.usage == usage
    failure = sort_error(error)
    if failure.kind == "connection":
        told = f"{failure.message.removesuffix('.')} (providers.sandbox)."
        failure = replace(failure, message=told)
    assert outcome.failure == failure
    assert outcome.text == ""


def test_a_call_that_takes_too_long_times_out():
    async def stream(messages, info):
        yield "one"
        await asyncio.sleep(60)

    outcome = asked(FunctionModel(stream_function=stream), replace(CHOSEN, timeout_seconds=0.05))
    assert (outcome.failure.kind, outcome.failure.retryable) == ("timeout", True)
    assert outcome.usage == UNREPORTED
    assert outcome.latency_seconds < 30
