"""What the shared cases can't say: threads, event loops, resources, models, typing at run time."""

import asyncio
import copy
import itertools
import json
import math
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from unittest.mock import patch

import httpx
import pytest

import kyros
import kyros.client
import kyros.tasks
from kyros import APITimeoutError, AsyncKyrosClient, KyrosClient, errors, retry
from kyros.models import AgentContext, ApiKey, Health, Task, Webhook
from tests.sdks.python.scripted_server import data

KEY = "kyros_test_key"
STREAM = {"status": 200, "headers": {"Content-Type": "text/event-stream"}}
EVENT = 'id: 1\nevent: task.started\ndata: {"seq": 1, "type": "task.started"}\n\n'


@pytest.fixture
def client(server):
    with KyrosClient(KEY, server.url, timeout=10) as client:
        yield client


def echo(asked):
    """The task with its title as its id."""
    return data({"id": asked.json["title"], "status": "pending"}, 201)


def test_many_threads_share_a_client(client, server):
    server.always = echo
    titles = [f"task {number}" for number in range(300)]
    with ThreadPoolExecutor(24) as pool:
        tasks = list(pool.map(lambda title: client.tasks.create({"title": title}), titles))
    assert [task.id for task in tasks] == titles
    assert len({one.headers["idempotency-key"] for one in server.asked}) == len(titles)


def test_many_coroutines_share_a_client(server):
    server.always = echo

    async def all_at_once():
        async with AsyncKyrosClient(KEY, server.url) as client:
            return await asyncio.gather(
                *(client.tasks.create({"title": str(number)}) for number in range(100))
            )

    assert [task.id for task in asyncio.run(all_at_once())] == [str(n) for n in range(100)]


def test_a_cancelled_call_gives_its_connection_back(server, monkeypatch):
    monkeypatch.setattr(kyros.client, "_CONNECTIONS", 1)
    server.answers({"hang": True}, data({"id": "task_2"}))

    async def cancelled_then_used():
        async with AsyncKyrosClient(KEY, server.url, timeout=10) as client:
            call = asyncio.create_task(client.tasks.get("task_1"))
            await asyncio.to_thread(server.hanging.wait, 10)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            return await client.tasks.get("task_2")

    assert asyncio.run(cancelled_then_used()).id == "task_2"
    assert server.left.wait(10)


def test_a_cancelled_pause_tries_no_more(server):
    server.answers({"status": 503, "text": ""}, data({"id": "task_1"}))

    async def cancelled():
        async with AsyncKyrosClient(KEY, server.url) as client:
            pausing = asyncio.Event()
            pause = client._api.transport.pause

            async def noted(seconds):
                pausing.set()
                await pause(seconds)

            client._api.transport.pause = noted
            call = asyncio.create_task(client.tasks.get("task_1"))
            await asyncio.wait_for(pausing.wait(), 10)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

    asyncio.run(cancelled())
    assert len(server.asked) == 1


def test_a_call_that_finds_no_free_connection_waits_for_one(server, monkeypatch):
    monkeypatch.setattr(kyros.client, "_CONNECTIONS", 1)
    begun, over = threading.Event(), threading.Event()

    def answer(asked):
        if asked.query == {"wait": "30"}:
            begun.set()
            over.wait(10)
        return data({"id": asked.path[-1], "status": "completed"})

    server.always = answer

    async def both():
        async with AsyncKyrosClient(KEY, server.url, timeout=1, max_retries=0) as client:
            wait = asyncio.create_task(client.tasks.wait("1"))
            await asyncio.to_thread(begun.wait, 10)
            get = asyncio.create_task(client.tasks.get("2"))
            # Longer than the API may take.
            done, _ = await asyncio.wait([get], timeout=1.5)
            over.set()
            assert not done
            return [task.id for task in await asyncio.gather(wait, get)]

    assert asyncio.run(both()) == ["1", "2"]


def test_a_stream_keeps_no_other_call_waiting_and_gives_its_connection_up(server, monkeypatch):
    monkeypatch.setattr(kyros.client, "_CONNECTIONS", 1)
    done = data({"id": "task_1", "status": "completed"})
    server.answers({**STREAM, "chunks": [EVENT] * 3, "then": "hang"}, done)
    with KyrosClient(KEY, server.url, timeout=10) as client:
        for event in client.tasks.stream("task_1"):
            assert event.type == "task.started"
            assert client.tasks.wait("task_1", timeout=10).id == "task_1"
            break
        assert server.left.wait(10)


def test_an_asynchronous_stream_keeps_no_other_call_waiting(server, monkeypatch):
    monkeypatch.setattr(kyros.client, "_CONNECTIONS", 1)
    server.answers({**STREAM, "chunks": [EVENT] * 3, "then": "hang"}, data({"id": "task_1"}))

    async def left():
        async with AsyncKyrosClient(KEY, server.url, timeout=10) as client:
            stream = client.tasks.stream("task_1")
            assert (await stream.__anext__()).seq == 1
            task = await asyncio.wait_for(client.tasks.get("task_1"), 10)
            await stream.aclose()
            assert await asyncio.to_thread(server.left.wait, 10)
            return task

    assert asyncio.run(left()).id == "task_1"


def test_a_quiet_stream_that_was_cut_after_a_while_uses_up_no_tries(server, monkeypatch):
    heartbeats = itertools.count(0, 10)
    monkeypatch.setattr(kyros.tasks, "time", SimpleNamespace(monotonic=lambda: next(heartbeats)))
    comment = {**STREAM, "chunks": [": here it comes\n\n"], "then": "close"}
    server.answers(*[comment] * 4, {**STREAM, "chunks": [EVENT, "event: end\ndata: {}\n\n"]})

    async def no_pause(_):
        pass

    with KyrosClient(KEY, server.url, max_retries=1) as client:
        client._api.transport.pause = no_pause
        assert [event.seq for event in client.tasks.stream("task_1")] == [1]
    assert len(server.asked) == 5


def test_a_stream_that_fell_silent_uses_up_a_try():
    broken = errors.APIConnectionError("", code="connection_failed")
    silent = errors.APITimeoutError("", code="timeout")
    assert not retry.begins_anew(broken, 9.9)
    assert retry.begins_anew(broken, 10.0)
    assert not retry.begins_anew(silent, 50.0)


def test_a_list_can_be_read_again(client, server):
    server.always = lambda _: data({"tasks": [{"id": "task_1"}], "has_more": False})
    tasks = client.tasks.list()
    assert [task.id for task in tasks] == [task.id for task in tasks] == ["task_1"]
    (page,) = tasks.pages()
    assert len(page) == 1


def test_wait_gives_up_when_told(client, server):
    server.always = lambda _: data({"id": "task_1", "status": "in_progress"})
    with pytest.raises(APITimeoutError, match=r"task_1 is still in_progress after 0\.5 seconds"):
        client.tasks.wait("task_1", timeout=0.5)
    assert [one.query for one in server.asked] == [{}] * len(server.asked)


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 503, "headers": {"Retry-After": "30"}, "text": ""},
        {"status": 503, "text": ""},
        {"close": True},
    ],
)
def test_wait_gives_up_when_told_though_it_could_try_again(client, server, answer):
    server.always = lambda _: answer
    with pytest.raises(APITimeoutError, match="task_1 was not answered in time") as late:
        client.tasks.wait("task_1", timeout=0.2)
    assert late.value.code == "wait_timeout"
    assert isinstance(late.value.__cause__, errors.KyrosError)
    assert len(server.asked) == 1


def test_wait_is_over_in_time_on_a_client_that_tries_once(server):
    server.answers({"hang": True})
    with (
        KyrosClient(KEY, server.url, max_retries=0) as client,
        pytest.raises(APITimeoutError, match="task_1 was not answered in time") as late,
    ):
        client.tasks.wait("task_1", timeout=0.2)
    assert late.value.code == "wait_timeout"


def test_wait_is_over_in_time_though_an_answer_trickles(client, server):
    trickle = {"status": 200, "headers": {"Content-Length": "1000000"}, "then": "trickle"}
    server.always = lambda _: trickle

    async def waited():
        async with AsyncKyrosClient(KEY, server.url) as waiting:
            await waiting.tasks.wait("task_1", timeout=0.2)

    for wait in (lambda: client.tasks.wait("task_1", timeout=0.2), lambda: asyncio.run(waited())):
        with pytest.raises(APITimeoutError, match="task_1 was not answered in time") as late:
            wait()
        assert late.value.code == "wait_timeout"


def test_wait_is_told_a_number(client, server):
    with pytest.raises(ValueError, match="timeout"):
        client.tasks.wait("task_1", timeout=math.nan)
    assert not server.asked


def test_wait_awaits_a_coroutine(server):
    server.always = lambda _: data({"id": "task_1", "status": "completed"})
    heard = []

    async def on_progress(task):
        await asyncio.sleep(0)
        heard.append(task.status)

    async def waited():
        async with AsyncKyrosClient(KEY, server.url) as client:
            await client.tasks.wait("task_1", on_progress=on_progress)

    asyncio.run(waited())
    assert heard == ["completed"]


def test_a_blocking_client_says_that_it_can_await_nothing(client, server):
    server.always = lambda _: data({"id": "task_1", "status": "completed"})

    async def on_progress(_):
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="AsyncKyrosClient"):
        client.tasks.wait("task_1", on_progress=on_progress)


def test_what_a_callback_raises_comes_out(client, server):
    server.always = lambda _: data({"id": "task_1", "status": "completed"})

    def on_progress(_):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        client.tasks.wait("task_1", on_progress=on_progress)


def test_a_blocking_client_works_inside_an_event_loop(client, server):
    server.answers({**STREAM, "chunks": [EVENT, "event: end\ndata: {}\n\n"]})

    async def inside():
        return [event.seq for event in client.tasks.stream("task_1")]

    assert asyncio.run(inside()) == [1]


def test_a_closed_client_is_of_no_use(server):
    client = KyrosClient(KEY, server.url)
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.tasks.get("task_1")


def test_without_an_address_it_is_this_machines_own_stack(monkeypatch):
    monkeypatch.delenv("KYROS_API_URL", raising=False)
    with KyrosClient(KEY, max_retries=0) as client:
        assert client._api._url == "http://127.0.0.1:8000/v1"


def test_a_proxy_of_the_environment_is_asked_for_the_outside_only(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with (
        KyrosClient(KEY, "http://localhost:8000") as near,
        KyrosClient(KEY, "http://a.test") as far,
    ):
        assert not near._api.transport.http._mounts
        assert far._api.transport.http._mounts


@pytest.mark.parametrize("url", ["https://localhost", "https://a.test"])
def test_certificates_of_the_environment_count_everywhere(url, monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    kyros.client._certificates.cache_clear()
    with pytest.raises(FileNotFoundError):
        KyrosClient(KEY, url)


@pytest.mark.parametrize("wrong", [0, -1, math.nan, math.inf, 1e10])
def test_times_that_no_client_can_wait(wrong):
    with pytest.raises(ValueError, match="timeout"):
        KyrosClient(KEY, timeout=wrong)


@pytest.mark.parametrize("wrong", [-1, 1.5, math.nan, math.inf])
def test_retries_are_counted(wrong):
    with pytest.raises(ValueError, match="max_retries"):
        KyrosClient(KEY, max_retries=wrong)


@pytest.mark.parametrize("inside", ["\n", "\t", "\r", " ", "\u00a0", "\0"])
def test_an_address_has_no_blank_inside(inside):
    with pytest.raises(ValueError, match="base_url"):
        KyrosClient(KEY, f"http://a.test{inside}/x")


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("http://v1", "http://v1/v1"),
        ("http://v1/", "http://v1/v1"),
        ("http://v1/v1/", "http://v1/v1"),
        ("http://v1:80", "http://v1:80/v1"),
    ],
)
def test_a_host_may_be_called_v1(given, asked):
    with KyrosClient(KEY, given) as client:
        assert client._api._url == asked


@pytest.mark.parametrize("wrong", ["", "1\n", "-1", "a", "1, 2", -1])
def test_an_event_that_is_none_is_refused_before_anything_is_sent(client, server, wrong):
    with pytest.raises(ValueError, match="last_event_id"):
        next(client.tasks.stream("task_1", last_event_id=wrong))
    assert not server.asked


def test_after_any_number_of_tries_a_pause_is_one():
    error = errors.ServerError("", status=500)
    assert retry.pause(error, 5000, 10_000, 1.0) == 8


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 7),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 7),
        ("Sun Nov  6 08:49:37 1994", 7),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2027 00:00:00 +99999999999999999999", None),
        ("9" * 5000, None),
    ],
)
def test_retry_after(value, seconds):
    now = datetime(1994, 11, 6, 8, 49, 30, tzinfo=UTC).timestamp()
    assert retry.retry_after(value, now) == seconds


#: Every call that acts, and what it is given beside its key.
ACTS = [
    ("tasks.cancel", ["task_1"]),
    ("tasks.retry", ["task_1"]),
    ("agents.submit", ["critic", "task_1"]),
    ("agents.register", ["a", ["b"]]),
    ("escalations.submit", ["task_1", "a"]),
    ("escalations.approve", ["esc_1"]),
    ("escalations.reject", ["esc_1"]),
    ("webhooks.create", ["http://a.test", ["*"]]),
    ("webhooks.rotate_secret", ["whk_1"]),
    ("webhooks.activate_secret", ["whk_1"]),
    ("webhooks.test", ["whk_1"]),
    ("webhooks.redeliver", ["whk_1", "dlv_1"]),
    ("webhooks.replay", ["whk_1", "2026-01-01T00:00:00Z"]),
    ("api_keys.create", ["a", []]),
    ("api_keys.rotate", ["key_1"]),
]


@pytest.mark.parametrize(("method", "arguments"), ACTS)
def test_whatever_posts_takes_a_key(client, server, method, arguments):
    server.always = lambda _: data({"id": "a"})
    resource, _, name = method.partition(".")
    getattr(getattr(client, resource), name)(*arguments, idempotency_key="mine")
    assert [one.headers["idempotency-key"] for one in server.asked] == ["mine"]


def test_a_decimal_is_sent_with_all_of_its_digits(client, server):
    server.always = lambda _: data({"id": "task_1"})
    long = "9" * 5000
    numbers = ["0.12345678901234567890", "-1E+2", long]
    client.tasks.create({"title": '"', "metadata": {"a": [Decimal(each) for each in numbers]}})
    (asked,) = server.asked
    assert asked.body.decode().endswith(f'"metadata":{{"a":[{",".join(numbers)}]}}}}')


def test_a_long_integer_goes_back_as_it_came(client, server):
    long = "9" * 5000
    text = f'{{"success": true, "data": {{"id": "task_1", "metadata": {{"long": {long}}}}}}}'
    server.always = lambda _: {"status": 200, "text": text}
    task = client.tasks.get("task_1")
    client.tasks.create({"title": "a", "metadata": task.metadata})
    assert task.metadata["long"] == Decimal(long)
    assert long.encode() in server.asked[1].body


def test_datetimes_and_decimals_are_sent(client, server):
    server.always = lambda _: data({"id": "key_1"})
    moment = datetime(2027, 1, 2, tzinfo=UTC)
    client.api_keys.update("key_1", expires_at=moment, day_budget_usd=Decimal("2.5"))
    client.webhooks.replay("whk_1", moment)
    client.tasks.create({"title": "a", "metadata": {"at": moment, "of": ("a", AgentContext("b"))}})
    assert [one.json for one in server.asked] == [
        {"expires_at": "2027-01-02T00:00:00+00:00", "day_budget_usd": 2.5},
        {"since": "2027-01-02T00:00:00+00:00"},
        {
            "title": "a",
            "metadata": {
                "at": "2027-01-02T00:00:00+00:00",
                "of": ["a", {"repository_state": "b"}],
            },
        },
    ]


@pytest.mark.parametrize(
    "wrong", [math.nan, math.inf, object(), {1, 2}, "\ud800", Decimal("NaN"), Decimal("Infinity")]
)
def test_what_json_cannot_say_is_refused_before_anything_is_sent(client, server, wrong):
    with pytest.raises((TypeError, ValueError)):
        client.tasks.create({"title": "a", "metadata": {"wrong": wrong}})
    assert not server.asked


@pytest.mark.parametrize("key", ["", "a b", "a\nb", "é", "x" * 256])
def test_a_key_that_no_header_can_carry_is_refused(client, server, key):
    with pytest.raises(ValueError, match="idempotency_key"):
        client.tasks.create({"title": "a"}, idempotency_key=key)
    assert not server.asked


def test_models_are_what_they_hold():
    task = Task("Fix it", priority="high", newer=1)
    assert task.title == task["title"] == "Fix it"
    assert (task.newer, task.status, "status" in task) == (1, None, False)
    task.priority = "low"
    assert task.to_dict() == {"title": "Fix it", "priority": "low", "newer": 1}
    assert task == Task("Fix it", priority="low", newer=1) != Task("Fix it")
    assert repr(task) == "Task(title='Fix it', priority='low', newer=1)"
    assert {"title", "status", "newer", "to_dict"} <= set(dir(task))
    assert copy.deepcopy(task) == pickle.loads(pickle.dumps(task)) == task  # noqa: S301 - our own
    with pytest.raises(AttributeError, match="'Task' object has no attribute 'titel'"):
        task.titel  # noqa: B018


def test_a_model_can_be_added_to():
    class Story(Task):
        points: int

    story = Story.read({"title": "Fix it", "cost_usd": 0.1, "progress": {"percentage": 50}})
    assert (story.status, story.points, story.progress.percentage) == (None, None, 50)
    assert isinstance(story.cost_usd, Decimal)


def test_a_model_is_gone_over_as_a_dictionary():
    task = Task("Fix it", priority="high")
    assert list(task.to_dict()) == ["title", "priority"]
    for reads in (list, dict):
        with pytest.raises(TypeError, match="not iterable"):
            reads(task)


def test_a_secret_is_not_printed():
    key = ApiKey.read({"id": "key_1", "key": "kyros_live_A"})
    hook = Webhook.read({"id": "whk_1", "secret": "whsec_A", "standard_secret": "whsec_A"})
    assert (repr(key), str(key)) == ("ApiKey(id='key_1', key=<hidden>)",) * 2
    assert repr(hook) == "Webhook(id='whk_1', secret=<hidden>, standard_secret=<hidden>)"
    assert repr(Webhook.read({"secret": None})) == "Webhook(secret=None)"
    assert (key.key, hook.to_dict()["secret"]) == ("kyros_live_A", "whsec_A")


def test_what_is_in_components_reads_as_attributes_in_lists_too():
    left_alone = [{"model": "openai:big", "tried": [{"at": 1}]}]
    health = Health.read({"components": {"models": {"left_alone": left_alone}}})
    (found,) = health.components.models.left_alone
    assert (found.model, found.tried[0].at) == ("openai:big", 1)
    assert health.components.models["left_alone"][0].model == "openai:big"
    assert health.to_dict()["components"]["models"]["left_alone"] == left_alone


def test_an_answer_stays_json(client, server):
    text = '{"success":true,"data":{"id":"task_1","cost_usd":0.10,"metadata":{"n":1.50,"i":1}}}'
    server.answers({"status": 200, "text": text})
    task = client.tasks.get("task_1")
    assert task.cost_usd == Decimal("0.10")
    assert f"{task.cost_usd:.2f}" == "0.10"
    assert json.loads(json.dumps(task.to_dict())) == json.loads(text)["data"]
    assert copy.deepcopy(task).cost_usd == Decimal("0.10")
    assert pickle.loads(pickle.dumps(task)).cost_usd == Decimal("0.10")  # noqa: S301 - our own
    assert task.metadata["n"] + 1 == 2.5


def test_errors_say_what_to_do(client, server):
    body = {"success": False, "error": "No.", "code": "some", "request_id": "req_1", "details": []}
    wrong = {**body, "details": [{"field": "title", "message": "is missing"}]}
    server.answers({"status": 401, "body": body}, {"status": 422, "body": wrong})
    with pytest.raises(errors.AuthenticationError) as refused:
        client.tasks.get("task_1")
    assert str(refused.value) == (
        "No. Check the API key (api_key, or KYROS_API_KEY). [HTTP 401, some, req_1]"
    )
    with pytest.raises(errors.ValidationError) as invalid:
        client.tasks.get("task_1")
    assert str(invalid.value) == "No. [HTTP 422, some, req_1]\n  title: is missing"


def test_what_broke_is_kept(server):
    server.answers({"close": True})
    with (
        KyrosClient(KEY, server.url, max_retries=0) as client,
        pytest.raises(errors.APIConnectionError) as broken,
    ):
        client.tasks.get("task_1")
    assert isinstance(broken.value.__cause__, httpx.RequestError)


def test_no_log_line_shows_the_key(client, server, caplog):
    server.answers({"status": 503, "headers": {"Retry-After": "0"}, "text": ""}, data({"id": "a"}))
    with caplog.at_level("DEBUG", "kyros"):
        client.tasks.get("task_1")
    assert "GET /v1/tasks/task_1: 503" in caplog.text
    assert "trying again in" in caplog.text
    assert KEY not in caplog.text


def test_clients_can_be_patched():
    """As the integration guide's test does."""
    with patch("kyros.KyrosClient") as client:
        assert kyros.KyrosClient is client
    assert kyros.KyrosClient is kyros.client.KyrosClient
