"""What is sent, and what is made of whatever comes back."""

import asyncio
import gzip
import socket
import time

import pytest

from kyros_worker.webhook.send import Sender
from tests.kyros_worker.webhook.raw_server import (
    BODY,
    HEADERS,
    LOOPBACK,
    Server,
    answering,
    dripping,
    hanging,
    run,
    sent,
    writing,
)


@pytest.mark.parametrize(
    "status", [200, 201, 204, 301, 302, 307, 308, 400, 404, 410, 429, 500, 503]
)
def test_a_status_is_told(status):
    async def test():
        body = b"" if status == 204 else b"said"
        answer, server = await sent(answering(status, body, Location="/elsewhere"))
        assert (answer.status, answer.body, answer.error) == (status, body, None)
        assert (answer.address, answer.private) == ("127.0.0.1", True)
        assert answer.retry_after is None
        assert 0 < answer.duration_seconds < 10
        assert len(server.requests) == 1  # and no redirect was followed

    run(test)


def test_what_is_sent(monkeypatch):
    async def test():
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        sender = Sender(LOOPBACK)
        async with Server(answering(Set_Cookie="a=b")) as server:
            for _ in range(2):
                headers = {**HEADERS, "user-agent": "another", "accept-encoding": "gzip"}
                assert (await sender.send(server.url + "?a=b%20c", headers, BODY)).status == 200
        await sender.close()
        for head, body in server.requests:
            lines = head.decode().split("\r\n")
            assert lines[0] == "POST /hook?a=b%20c HTTP/1.1"
            fields = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
            assert fields["user-agent"] == "Kyros-Webhooks/1"
            assert fields["accept-encoding"] == "identity"
            assert fields["content-type"] == "application/json"
            assert fields["x-kyros-event"] == "test"
            assert "cookie" not in fields
            assert head.lower().count(b"user-agent") == 1
            assert body == BODY

    run(test)


def test_retry_after_is_told():
    async def test():
        answer, _ = await sent(answering(429, Retry_After="120"))
        assert (answer.status, answer.retry_after) == (429, "120")

    run(test)


@pytest.mark.parametrize("handle", [
    hanging, dripping(b"HTTP/1.1 200 OK\r\n", b"X-Drop: 1\r\n"), dripping(b"HTTP/1.1 200 ", b"O"),
    dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
])  # fmt: skip
def test_an_answer_that_does_not_come_is_a_time_out(handle):
    async def test():
        answer, _ = await sent(handle, seconds=0.5)
        assert answer.status is None
        assert answer.error is not None
        assert 0 < answer.duration_seconds < 10

    run(test)


def test_a_time_out_says_how_long_was_waited():
    async def test():
        answer, _ = await sent(hanging, seconds=0.5)
        assert answer.error == "No answer within 0.5 s."

    run(test)


@pytest.mark.parametrize("first", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
])  # fmt: skip
def test_a_body_that_drips_keeps_its_status(first):
    async def test():
        answer, _ = await sent(dripping(first, b"x"), seconds=0.6)
        assert answer.status == 200
        assert set(answer.body) == set(b"x")
        assert answer.error == "No end of the answer within 0.6 s."

    run(test)


@pytest.mark.parametrize(("data", "status", "body", "word"), [
    (b"", None, b"", "closed"),
    (b"HTTP/1.1 200 OK\r\nContent-Le", None, b"", "closed"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", 200, b"abc", "cut"),
    (b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", 500, b"ab", "cut"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", None, b"", "not valid"),
    (b"SSH-2.0-OpenSSH_9.6\r\n", None, b"", "not valid"),
    (b"\x00\x01\x02\x03\r\n\r\n", None, b"", "not valid"),
    (b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n", None, b"", "too long"),
    (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", None, b"", "too long"),
    (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000 + b"\r\n", None, b"", "too long"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", None, b"", "valid"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nabc", None, b"", "not valid"),
])  # fmt: skip
def test_a_broken_answer_is_told(data, status, body, word):
    async def test():
        answer, _ = await sent(writing(data))
        assert (answer.status, answer.body) == (status, body)
        assert answer.error is not None
        assert word in answer.error

    run(test)


def test_a_reset_is_told():
    async def handle(peer):
        await peer.request()
        linger = (1).to_bytes(4, "little") + bytes(4)
        peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        peer.writer.transport.abort()

    async def test():
        answer, _ = await sent(handle)
        assert answer.status is None
        assert answer.error == "The connection was closed before the answer came."

    run(test)


def test_of_a_long_answer_the_beginning_is_kept_and_the_rest_not_read():
    written = 0

    async def handle(peer):
        nonlocal written
        await peer.request()
        await peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
        for _ in range(1600):
            await peer.write(b"y" * 65536)
            written += 65536

    async def test():
        sender = Sender(LOOPBACK)
        async with Server(handle) as server:
            for _ in range(2):
                answer = await sender.send(server.url, HEADERS, BODY)
                assert (answer.status, answer.body, answer.error) == (200, b"y" * 4096, None)
            assert server.connections == 2
            await sender.close()
        assert written < 60_000_000  # what the kernel's buffers take, not all of twice 100 MB

    run(test)


def test_an_answer_of_ten_megabytes():
    async def test():
        answer, _ = await sent(answering(200, b"z" * 10_000_000))
        assert (answer.status, answer.body, answer.error) == (200, b"z" * 4096, None)

    run(test)


def test_a_compressed_answer_is_not_expanded():
    bomb = gzip.compress(bytes(50_000_000))

    async def test():
        answer, _ = await sent(answering(200, bomb, Content_Encoding="gzip"))
        assert (answer.status, answer.body) == (200, bomb[:4096])

    run(test)


def test_two_sendings_use_one_connection():
    async def test():
        sender = Sender(LOOPBACK)
        async with Server(answering(body=b"a" * 60_000)) as server:
            for _ in range(3):
                assert (await sender.send(server.url, HEADERS, BODY)).address == "127.0.0.1"
            await sender.close()
        assert (server.connections, len(server.requests)) == (1, 3)

    run(test)


@pytest.mark.parametrize("after", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale"])
def test_an_idle_connection_on_which_something_came_is_not_used(after):
    async def handle(peer):
        await peer.request()
        await peer.answer(body=b"first")
        peer.writer.write(after)

    async def test():
        sender = Sender(LOOPBACK)
        async with Server(handle) as server:
            for _ in range(5):
                answer = await sender.send(server.url, HEADERS, BODY)
                assert (answer.status, answer.body) == (200, b"first")
                # The loop doesn't read what comes meanwhile, as where it is busy.
                time.sleep(0.01)  # noqa: ASYNC251
            await sender.close()
        assert server.connections == 5

    run(test)


def test_an_answer_to_nothing_is_not_taken_for_the_next():
    async def handle(peer):
        while True:
            await peer.request()
            await peer.answer(body=b"first")
            await asyncio.sleep(0.05)
            await peer.answer(body=b"stale")

    async def test():
        sender = Sender(LOOPBACK)
        async with Server(handle) as server:
            for _ in range(3):
                answer = await sender.send(server.url, HEADERS, BODY)
                assert (answer.status, answer.body) == (200, b"first")
                await asyncio.sleep(0.2)  # the loop reads the second one
            await sender.close()
        assert server.connections == 3

    run(test)


def test_a_request_that_may_have_been_read_is_not_sent_twice():
    async def handle(peer):
        await peer.request()
        await peer.answer()
        await peer.request()

    async def test():
        sender = Sender(LOOPBACK)
        async with Server(handle) as server:
            assert (await sender.send(server.url, HEADERS, BODY)).status == 200
            answer = await sender.send(server.url, HEADERS, BODY)
            assert answer.error == "The connection was closed before the answer came."
            assert len(server.requests) == 2
            await sender.close()

    run(test)


def test_a_sender_serves_one_loop_after_another():
    sender = Sender(LOOPBACK)

    async def test():
        async with Server(answering()) as server:
            assert (await sender.send(server.url, HEADERS, BODY)).status == 200
            await sender.close()
            assert (await sender.send(server.url, HEADERS, BODY)).status == 200
            await sender.close()

    run(test)
    run(test)


def test_cancelling_is_not_an_answer():
    async def test():
        sender = Sender(LOOPBACK)
        async with Server(hanging) as server:
            task = asyncio.create_task(sender.send(server.url, HEADERS, BODY))
            async with asyncio.timeout(10):
                await server.asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await sender.close()

    run(test)


@pytest.mark.parametrize("headers", [
    {"X-A": "a\r\nX-B: b"}, {"X-A": "a\n"}, {"X-A": "a\x00"}, {"X-A": "\x7f"}, {"X-A": "é"},
    {"X-A": "\udc80"}, {"X A": "a"}, {"X-A:": "a"}, {"": "a"}, {"X\r\n": "a"},
])  # fmt: skip
def test_a_header_that_would_break_the_request_is_refused(headers):
    async def test():
        sender = Sender(LOOPBACK)
        async with Server(answering()) as server:
            answer = await sender.send(server.url, headers, BODY)
            assert answer.status is None
            assert "header" in answer.error
            assert server.connections == 0
            await sender.close()

    run(test)
