"""What the shared cases can't say of connections: threads, event loops, streams, pools, proxies."""

import asyncio
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

import kyros.client
import kyros.tasks
from kyros import AsyncKyrosClient, KyrosClient
from tests.sdks.python.scripted_server import EVENT, KEY, STREAM, data


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
