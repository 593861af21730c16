"""What the shared cases can't say of `wait`: its end, its callback."""

import asyncio
import math

import pytest

from kyros import APITimeoutError, AsyncKyrosClient, KyrosClient, errors
from tests.sdks.python.scripted_server import KEY, data


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
