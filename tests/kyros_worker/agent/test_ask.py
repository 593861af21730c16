import asyncio
import json
import time
from concurrent.futures import CancelledError
from decimal import Decimal

import pytest
from hypothesis import given, settings

from kyros_worker import event_loop as loop
from kyros_worker.agent.ask import ask, prompt_text
from kyros_worker.agent.brief import EarlierCall
from kyros_worker.model.catalog import choose, nobody
from kyros_worker.model.prices import cost, cost_at_most
from kyros_worker.model.usage import NOTHING, UNREPORTED, Usage, counted_tokens
from kyros_worker.settings import ROLES
from tests.kyros_worker.agent.briefs import BRIEF, hostile_briefs, steered


def model_of(brief):
    return choose(brief.role, brief.tier, brief.mode)


def asked(brief, correction=None):
    return loop.run(ask(brief, model_of(brief), correction)).result(30)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("tier", ["economy", "premium"])
def test_an_answer_comes_with_what_it_used_and_cost(role, tier):
    brief = steered(role=role, tier=tier)
    reply = asked(brief)
    assert reply.failure is None
    assert reply.answer == json.loads(json.dumps(reply.answer))
    assert json.loads(reply.text)["summary"] == reply.answer["summary"]
    assert reply.usage == Usage(
        input_tokens=counted_tokens(prompt_text(brief)), output_tokens=counted_tokens(reply.text)
    )
    assert reply.cost_usd == cost(model_of(brief), reply.usage) > 0
    assert reply.cost_usd <= cost_at_most(model_of(brief), prompt_text(brief))
    assert 0 <= reply.latency_seconds < 10


def test_the_correction_is_sent_and_counted():
    longer = asked(BRIEF, "summary: Field required.").usage.input_tokens
    assert longer == counted_tokens(prompt_text(BRIEF, "summary: Field required."))
    assert longer > asked(BRIEF).usage.input_tokens


@pytest.mark.parametrize(("sent", "answered"), [(1_000_000, 10), (0, 0), (0, 5)])
def test_tokens_as_steered(sent, answered):
    reply = asked(steered(sandbox={"input_tokens": sent, "output_tokens": answered}))
    assert reply.usage == Usage(sent, answered)
    price = Decimal("0.25") * sent + Decimal("2.00") * answered
    assert reply.cost_usd == price / 1_000_000


def test_confidence_and_score_as_steered():
    assert asked(BRIEF).answer["confidence"] == 0.9
    sandbox = {"confidence": 0.2, "critic": {"score": 0.3}, "premium": {"confidence": 0.7}}
    reply = asked(steered(role="critic", tier="premium", sandbox=sandbox))
    assert (reply.answer["confidence"], reply.answer["score"]) == (0.7, 0.3)


@pytest.mark.parametrize(
    ("error", "retryable", "retry_after", "usage", "words"),
    [
        ("rate_limited", True, 1.0, NOTHING, "429"),
        ("server_error", True, None, NOTHING, "500"),
        ("timeout", True, None, UNREPORTED, "did not answer in time"),
        ("content_refused", False, None, None, "told to refuse"),
        ("invalid_output", True, None, None, "summary: Field required"),
    ],
)
def test_an_error_as_steered_for_so_many_calls(error, retryable, retry_after, usage, words):
    sandbox = {"error": error, "error_times": 2}
    call = EarlierCall("implementer", "economy")
    for earlier in ((), (call,)):
        reply = asked(steered(sandbox=sandbox, earlier_calls=earlier))
        failure = reply.failure
        assert reply.answer is None
        assert (failure.kind, failure.retryable, failure.retry_after) == (
            error, retryable, retry_after,
        )  # fmt: skip
        assert words in failure.message
        if usage is not None:
            assert reply.usage == usage
        assert (reply.cost_usd is None) == (not reply.usage.reported)
    assert asked(steered(sandbox=sandbox, earlier_calls=(call, call))).failure is None


def test_an_answer_that_did_not_fit_is_kept_and_paid():
    reply = asked(steered(sandbox={"error": "invalid_output"}))
    assert "does not fit" in reply.text
    assert reply.cost_usd > 0
    assert len(reply.failure.message) <= 2_000


def test_a_refused_call_is_paid_and_has_no_text():
    reply = asked(steered(sandbox={"error": "content_refused"}))
    assert reply.text == ""
    assert reply.usage.reported
    assert reply.cost_usd > 0


def test_a_time_out_fails_after_its_delay():
    reply = asked(steered(sandbox={"error": "timeout", "delay_seconds": 0.2}))
    assert reply.failure.kind == "timeout"
    assert 0.2 <= reply.latency_seconds < 30


def test_a_call_takes_the_delay_that_is_steered():
    reply = asked(steered(sandbox={"delay_seconds": 0.25}))
    assert 0.25 <= reply.latency_seconds < 30


def test_a_long_call_is_cancelled_from_another_thread_at_once(monkeypatch):
    monkeypatch.setattr(loop, "CANCEL_WAIT_SECONDS", 30)
    brief = steered(sandbox={"delay_seconds": 60})
    running = loop.run(ask(brief, model_of(brief)))
    time.sleep(0.1)
    began = time.monotonic()
    assert running.cancel()
    with pytest.raises(CancelledError):
        running.result(0)
    assert time.monotonic() - began < 30


def test_a_cancelled_ask_raises():
    async def cancelled():
        brief = steered(sandbox={"delay_seconds": 60})
        task = asyncio.create_task(ask(brief, model_of(brief)))
        await asyncio.sleep(0.05)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())


def test_two_hundred_calls_at_once_on_the_one_loop():
    brief = steered(sandbox={"delay_seconds": 0.3})
    began = time.monotonic()
    running = [loop.run(ask(brief, model_of(brief))) for _ in range(200)]
    replies = [one.result(30) for one in running]
    assert all(reply.failure is None for reply in replies)
    assert time.monotonic() - began < 50


def test_a_provider_that_is_configured_no_more_fails_the_call_for_good():
    reply = loop.run(ask(BRIEF, nobody("economy"))).result(20)
    assert (reply.failure.kind, reply.failure.retryable) == ("rejected", False)
    assert "KYROS_CONFIG" in reply.failure.message
    assert reply.usage == NOTHING


@settings(max_examples=60)
@given(hostile_briefs())
def test_any_task_is_answered(brief):
    reply = asked(brief)
    assert reply.failure is None
    assert reply.answer is not None
