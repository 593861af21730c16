"""Real models on the path of the sandbox: over real HTTP, against a scripted server."""

import json
import logging
import resource
import time
from concurrent.futures import CancelledError
from decimal import Decimal

import pytest

from kyros_worker import event_loop as loop
from kyros_worker.agent.ask import ask
from kyros_worker.model.catalog import choose
from kyros_worker.model.usage import NOTHING, UNREPORTED, Usage
from tests import scripted_openai as scripted
from tests.kyros_worker.agent.briefs import BRIEF, steered
from tests.live_models import KEY, configured, on

USED = {
    "prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500,
    "prompt_tokens_details": {"cached_tokens": 400},
    "completion_tokens_details": {"reasoning_tokens": 300},
}  # fmt: skip
DRAFT = {
    "summary": "A draft.",
    "changes": [],
    "criteria": [
        {"criterion": criterion, "met": True, "evidence": "app/login.py"}
        for criterion in BRIEF.acceptance_criteria
    ],
    "risks": [],
    "needs": [],
    "confidence": 0.6,
}
ANSWER = json.dumps(DRAFT)
PRICE = '[prices."local:mine"]\ninput = "0.20"\noutput = "0.80"\ncached = "0.05"\n'


@pytest.fixture
def server():
    with scripted.ScriptedServer() as running:
        running.script = lambda _: scripted.chat(ANSWER, usage=USED)
        yield running


@pytest.fixture
def asking(server, tmp_path):
    """Asks a live model: the replies of so many calls at once, under such a configuration."""

    def ask_it(brief=None, times=1, url=None, seconds=30, **options):
        with configured(tmp_path / "kyros.toml", on(url or server.url, **options)):
            brief = brief or steered(mode="live")
            model = choose(brief.role, brief.tier, "live")
            running = [loop.run(ask(brief, model)) for _ in range(times)]
            return [one.result(seconds) for one in running]

    return ask_it


def test_an_answer_over_http(server, asking):
    (reply,) = asking(tables=PRICE)
    assert reply.failure is None
    assert reply.answer == DRAFT
    assert reply.usage == Usage(1000, 500, cache_read_tokens=400, reasoning_tokens=300)
    assert reply.cost_usd == Decimal("0.00054")  # 600 · 0.20 + 400 · 0.05 + 500 · 0.80, a million
    assert reply.unpriced is None


def test_what_is_sent(server, asking):
    asking(output_tokens=777)
    (request,) = server.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    sent = request.body
    assert (sent["model"], sent["max_tokens"], sent["stream"]) == ("mine", 777, True)
    assert sent["stream_options"] == {"include_usage": True}
    assert "acceptance criteri" in sent["messages"][0]["content"]
    assert BRIEF.title in sent["messages"][1]["content"]
    schema = sent["response_format"]["json_schema"]["schema"]
    assert schema["properties"].keys() == DRAFT.keys()
    # A server's grammar compiler gives up on repetitions by the million.
    assert "2000000" not in json.dumps(schema)


def test_json_schema_can_be_turned_off(server, asking):
    (reply,) = asking(more="json_schema = false")
    assert reply.failure is None
    assert "response_format" not in server.requests[0].body


def test_a_server_that_refuses_the_schema_is_asked_in_words_from_then_on(server, asking):
    def no_schema(request):
        if "response_format" in request.body:
            return scripted.error(400, "response_format json_schema is not available")
        return scripted.chat(ANSWER, usage=USED)

    server.script = no_schema
    first, second = asking(times=2)
    assert first.failure is None
    assert second.failure is None
    assert "response_format" not in server.requests[-1].body
    assert 3 <= len(server.requests) <= 4


def test_only_another_models_price_is_not_guessed(server, asking):
    """`gpt-5-mini` on a server of one's own is not OpenAI's: nobody knows what it costs."""
    (reply,) = asking(model="gpt-5-mini")
    assert (reply.cost_usd, reply.unpriced) == (None, "no_price")
    assert reply.usage.reported


def test_a_price_of_nothing_is_a_price(server, asking):
    (reply,) = asking(tables='[prices."local:mine"]\ninput = 0\noutput = 0\n')
    assert (reply.cost_usd, reply.unpriced) == (0, None)


def test_no_usage_is_told_as_such(server, asking):
    server.script = lambda _: scripted.chat(ANSWER)
    (reply,) = asking(tables=PRICE)
    assert reply.failure is None
    assert reply.usage == UNREPORTED
    assert (reply.cost_usd, reply.unpriced) == (None, "no_usage")


WHOLE = {"more": "stream = false", "tables": PRICE}


def test_an_answer_that_is_not_streamed(server, asking):
    server.script = lambda _: scripted.whole(ANSWER, usage=USED)
    (reply,) = asking(**WHOLE)
    assert reply.failure is None
    assert reply.answer == DRAFT
    assert reply.usage == Usage(1000, 500, cache_read_tokens=400, reasoning_tokens=300)
    assert reply.cost_usd == Decimal("0.00054")
    (request,) = server.requests
    assert request.body["max_tokens"] == 900
    assert not request.body.get("stream")


@pytest.mark.parametrize(("script", "kind", "retryable", "usage"), [
    (lambda: scripted.whole(ANSWER[:40], finish="length", usage=USED), "invalid_output", False,
     Usage(1000, 500, 400, 300)),
    (lambda: scripted.whole("", finish="content_filter", usage=USED), "content_refused", False,
     Usage(1000, 500, 400, 300)),
    (lambda: scripted.whole("", usage=USED), "invalid_output", True, Usage(1000, 500, 400, 300)),
    (lambda: scripted.error(401, "who"), "rejected", False, NOTHING),
    (lambda: scripted.error(429, "slower"), "rate_limited", True, NOTHING),
    (lambda: scripted.error(503), "server_error", True, NOTHING),
    (lambda: scripted.page(200, "<html>a proxy's page</html>"), "invalid_output", True, UNREPORTED),
    (lambda: [scripted.response(200, b'{"x":1}', "application/json")], "invalid_output", True,
     UNREPORTED),
    (lambda: [scripted.CUT], "connection", True, UNREPORTED),
])  # fmt: skip
def test_every_fault_of_an_answer_that_is_not_streamed(
    server, asking, script, kind, retryable, usage
):
    server.script = lambda _: script()
    (reply,) = asking(**WHOLE)
    assert (reply.failure.kind, reply.failure.retryable) == (kind, retryable), reply.failure
    assert reply.usage == usage
    assert len(server.requests) == 1


def stream(*events):
    return [scripted.stream_head(), *events, b"0\r\n\r\n"]


UNREAD = {"error": {"message": "full", "type": "server_error", "code": "server_error"}}
HTTP_FAULTS = [
    (lambda: scripted.error(400, "bad"), "rejected", False, NOTHING),
    (lambda: scripted.error(401, "who"), "rejected", False, NOTHING),
    (lambda: scripted.error(402, "pay"), "rejected", False, NOTHING),
    (lambda: scripted.error(403, "no"), "rejected", False, NOTHING),
    (lambda: scripted.error(404, "what"), "rejected", False, NOTHING),
    (lambda: scripted.error(408, "slow"), "timeout", True, UNREPORTED),
    (lambda: scripted.error(413, "long"), "rejected", False, NOTHING),
    (lambda: scripted.error(422, "bad"), "rejected", False, NOTHING),
    (lambda: scripted.error(429, "slower"), "rate_limited", True, NOTHING),
    (lambda: scripted.error(429, "pay", code="insufficient_quota"), "rejected", False, NOTHING),
    (lambda: scripted.error(400, "x", code="context_length_exceeded"), "rejected", False, NOTHING),
    (lambda: scripted.error(500), "server_error", True, NOTHING),
    (lambda: scripted.page(502, "<html>gateway</html>"), "server_error", True, NOTHING),
    (lambda: scripted.error(503), "server_error", True, NOTHING),
    (lambda: scripted.error(504), "server_error", True, UNREPORTED),
    (lambda: scripted.error(529), "server_error", True, NOTHING),
    (lambda: scripted.page(200, "<html>a proxy's page</html>"), "invalid_output", True, UNREPORTED),
    (lambda: [scripted.response(200, b'{"x":1}', "application/json")], "invalid_output", True,
     UNREPORTED),
    (lambda: stream(scripted.event("{not json")), "server_error", True, UNREPORTED),
    (lambda: stream(scripted.chunk(UNREAD)), "server_error", True, UNREPORTED),
    (lambda: scripted.chat(ANSWER, cut_after=0), "connection", True, UNREPORTED),
    (lambda: scripted.chat(ANSWER, cut_after=2), "connection", True, UNREPORTED),
    (lambda: [scripted.CUT], "connection", True, UNREPORTED),
    (lambda: scripted.chat(ANSWER[:40], finish=None), "invalid_output", True, UNREPORTED),
    (lambda: scripted.chat("Sorry, I can't.", usage=USED), "invalid_output", True,
     Usage(1000, 500, 400, 300)),
    (lambda: scripted.chat(ANSWER[:40], finish="length", usage=USED), "invalid_output", False,
     Usage(1000, 500, 400, 300)),
    (lambda: scripted.chat("", finish="content_filter", usage=USED), "content_refused", False,
     Usage(1000, 500, 400, 300)),
]  # fmt: skip


@pytest.mark.parametrize(("script", "kind", "retryable", "usage"), HTTP_FAULTS)
def test_every_fault_has_its_fate(server, asking, script, kind, retryable, usage):
    server.script = lambda _: script()
    (reply,) = asking(tables=PRICE)
    assert (reply.failure.kind, reply.failure.retryable) == (kind, retryable), reply.failure
    assert reply.usage == usage
    assert reply.answer is None
    assert reply.unpriced == (None if usage.reported else "no_usage")
    assert len(server.requests) == 1, "trying again is not the library's to decide"


def test_a_provider_that_is_away(asking):
    (reply,) = asking(url="http://127.0.0.1:9/v1")
    assert (reply.failure.kind, reply.failure.retryable) == ("connection", True)
    assert reply.failure.message.endswith("(providers.local)."), "it names the setting"
    assert reply.usage == NOTHING


@pytest.mark.parametrize("script", [
    lambda: scripted.hang(after_head=False),
    scripted.hang,
    # Slow drip: every piece comes in time, the whole does not.
    lambda: scripted.chat(ANSWER, pieces=100, pause=0.3),
])  # fmt: skip
def test_a_call_that_takes_too_long_is_cut(server, asking, script):
    server.script = lambda _: script()
    (reply,) = asking(timeout=0.4)
    assert (reply.failure.kind, reply.failure.retryable) == ("timeout", True)
    assert reply.usage == UNREPORTED
    assert reply.latency_seconds < 20
    server.wait_until(lambda: server.requests[0].left is not None)


def test_the_providers_wish_to_wait_is_kept(server, asking):
    server.script = lambda _: scripted.error(429, "slower", headers={"Retry-After": "7"})
    assert asking()[0].failure.retry_after == 7


@pytest.mark.parametrize("echo", [
    f"Incorrect API key provided: {KEY}.", f"Incorrect API key provided: {KEY[:11]}*****cdef.",
    f'{{"Authorization": "Bearer {KEY}"}}', "or sk-proj-aaaabbbbccccddddeeee of another",
])  # fmt: skip
def test_no_key_is_ever_told(server, asking, echo, caplog):
    caplog.set_level(logging.DEBUG, logger="kyros_worker")
    server.script = lambda _: scripted.error(401, echo)
    (reply,) = asking()
    assert "[key]" in reply.failure.message
    for secret in (KEY, KEY[:11], "cdef", "ddddeeee"):
        assert secret not in reply.failure.message
        assert secret not in caplog.text


def test_a_diff_against_an_unseen_file_is_refused(server, asking):
    diff = "--- a/app/new.py\n+++ b/app/new.py\n@@ -1 +1 @@\n-old\n+new\n"
    change = {"path": "app/new.py", "action": "modify", "diff": diff}
    server.script = lambda _: scripted.chat(json.dumps(DRAFT | {"changes": [change]}), usage=USED)
    (reply,) = asking()
    assert (reply.failure.kind, reply.failure.retryable) == ("invalid_output", True)
    assert "the text of app/new.py was not shown" in reply.failure.message


@pytest.mark.parametrize("stream", ["true", "false"])
def test_cancelling_closes_the_connection_at_once(server, tmp_path, monkeypatch, stream):
    monkeypatch.setattr(loop, "CANCEL_WAIT_SECONDS", 20)
    server.script = lambda _: scripted.chat(ANSWER, pieces=100, pause=1)
    with configured(tmp_path / "kyros.toml", on(server.url, more=f"stream = {stream}")):
        running = loop.run(ask(steered(mode="live"), choose("implementer", "economy", "live")))
        server.wait_until(lambda: bool(server.requests))
        time.sleep(0.2)
        began = time.monotonic()
        assert running.cancel()
        with pytest.raises(CancelledError):
            running.result(0)
        server.wait_until(lambda: server.requests[0].left is not None)
    assert server.requests[0].left - began < 20


def test_two_hundred_calls_in_flight_share_the_pool(server, asking, record_property):
    server.script = lambda _: scripted.chat(ANSWER, usage=USED, pieces=3, pause=0.5)
    asking()
    before = server.connections
    began = time.monotonic()
    replies = asking(times=200, seconds=60)
    took = time.monotonic() - began
    assert all(reply.failure is None for reply in replies), replies[0].failure
    assert server.most_open >= 150, "they were in flight together"
    record_property("seconds", took)
    record_property("connections", server.connections - before)
    record_property("rss_mb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def test_a_connection_is_used_again(server, tmp_path):
    with configured(tmp_path / "kyros.toml", on(server.url)):
        model = choose("implementer", "economy", "live")
        for _ in range(5):
            assert loop.run(ask(steered(mode="live"), model)).result(20).failure is None
    assert (len(server.requests), server.connections) == (5, 1)


ANTHROPIC = {"kind": "anthropic", "model": "claude-sonnet-5"}


def test_anthropics_protocol(server, asking):
    usage = {"input_tokens": 600, "cache_read_input_tokens": 400, "output_tokens": 500}
    server.script = lambda _: scripted.messages(ANSWER, usage)
    (reply,) = asking(url=server.url.removesuffix("/v1"), **ANTHROPIC)
    assert reply.failure is None
    assert reply.answer == DRAFT
    (request,) = server.requests
    assert request.path.split("?")[0] == "/v1/messages"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert (request.body["model"], request.body["max_tokens"]) == ("claude-sonnet-5", 900)
    assert reply.usage == Usage(1000, 500, cache_read_tokens=400)
    # The public list's: 2, 0.20 and 10 USD a million.
    assert reply.cost_usd == Decimal("0.00628")


@pytest.mark.parametrize(("status", "kind", "error", "retryable"), [
    (401, "authentication_error", "rejected", False),
    (429, "rate_limit_error", "rate_limited", True),
    (529, "overloaded_error", "server_error", True),
])  # fmt: skip
def test_anthropics_errors(server, asking, status, kind, error, retryable):
    body = json.dumps({"type": "error", "error": {"type": kind, "message": f"no {KEY}"}})
    server.script = lambda _: [
        scripted.response(status, body.encode(), "application/json", {"retry-after": "3"})
    ]
    (reply,) = asking(url=server.url.removesuffix("/v1"), **ANTHROPIC)
    assert (reply.failure.kind, reply.failure.retryable) == (error, retryable)
    assert KEY not in reply.failure.message
    assert len(server.requests) == 1


def test_a_library_that_is_not_installed_fails_the_call_with_a_sentence(asking):
    (reply,) = asking(kind="groq", model="llama-3.3-70b-versatile")
    assert (reply.failure.kind, reply.failure.retryable) == ("rejected", False)
    assert "pydantic-ai-slim[groq]" in reply.failure.message


def test_an_option_that_the_provider_does_not_take(asking):
    (reply,) = asking(kind="anthropic", more='options = {colour = "red"}')
    assert (reply.failure.kind, reply.failure.retryable) == ("rejected", False)
    assert "colour" in reply.failure.message
