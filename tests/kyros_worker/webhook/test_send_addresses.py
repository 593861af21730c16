"""Where is sent to: each address is judged, and the one that was judged is connected to."""

import asyncio
import ipaddress
import socket

import pytest

from kyros_worker.webhook.address import own_ports
from kyros_worker.webhook.send import Sender, addresses_of_this_machine
from tests.kyros_worker.webhook.names import Names, asked_of, naming
from tests.kyros_worker.webhook.raw_server import BODY, HEADERS, LOOPBACK, Server, answering, run

PUBLIC = "8.8.8.8"


@pytest.mark.parametrize("host", [
    "127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "localhost",
    "127.0.0.1.", "0", "[::]",
])  # fmt: skip
def test_loopback_is_refused_when_not_allowed(host, monkeypatch):
    async def test(through):
        sender = Sender()
        async with Server(answering()) as server:
            answer = await sender.send(f"http://{host}:{server.port}/", HEADERS, BODY)
            assert answer.status is None
            assert answer.error is not None
            assert (answer.address, server.connections) == (None, 0)
            if through:
                # aiohttp itself knows odd IPv4 forms, and refuses them in its own words.
                assert "reached" in answer.error or "InvalidUrlClientError" in answer.error
            await sender.close()

    run(lambda: test(False))
    # Without the first look at the URL, the resolver or the socket's maker refuses.
    monkeypatch.setattr("kyros_worker.webhook.send.refusal_of_url", lambda *_: None)
    run(lambda: test(True))


def test_own_ports_are_refused_where_the_network_is_allowed(monkeypatch):
    async def test():
        async with Server(answering()) as server:
            own = own_ports([server.port], addresses_of_this_machine())
            sender = Sender(LOOPBACK, own, resolve=naming("127.0.0.1"))
            for host in ("127.0.0.1", "localhost", "hook.example"):
                answer = await sender.send(f"http://{host}:{server.port}/", HEADERS, BODY)
                assert "own" in (answer.error or "")
            assert server.connections == 0
            await sender.close()

    run(test)
    monkeypatch.setattr("kyros_worker.webhook.send.refusal_of_url", lambda *_: None)
    run(test)


def test_the_addresses_of_this_machine():
    found = addresses_of_this_machine()
    assert "127.0.0.1" in found
    for address in found:
        ipaddress.ip_address(address)


@pytest.mark.parametrize("addresses", [
    [PUBLIC, "10.0.0.1"], ["10.0.0.1", PUBLIC], ["127.0.0.1", "10.0.0.1"], ["127.0.0.1", "::"],
    ["127.0.0.1", "169.254.169.254"], ["::ffff:10.0.0.1", "127.0.0.1"], ["127.0.0.1", "fe80::1%lo"],
    ["127.0.0.1", "not an address"],
])  # fmt: skip
def test_one_refused_address_refuses_the_name(addresses):
    async def test():
        async with Server(answering()) as server:
            sender = Sender(LOOPBACK, resolve=naming(*addresses))
            answer = await sender.send(f"http://hook.example:{server.port}/", HEADERS, BODY)
            assert answer.status is None
            assert answer.error is not None
            assert "ddress" in answer.error
            assert (answer.address, server.connections) == (None, 0)
            await sender.close()

    run(test)


def test_a_refusal_names_the_address():
    async def test():
        sender = Sender(resolve=naming("10.0.0.1"))
        answer = await sender.send("https://hook.example/", HEADERS, BODY)
        assert answer.error is not None
        assert answer.error.startswith("The address 10.0.0.1 is private: ")
        await sender.close()

    run(test)


@pytest.mark.parametrize("error", [
    socket.gaierror(-2, "Name or service not known"), OSError(), UnicodeError("label too long"),
])  # fmt: skip
def test_a_name_that_does_not_resolve_is_told(error):
    async def resolve(host, port):
        raise error

    async def test():
        for resolver in (resolve, naming()):
            sender = Sender(LOOPBACK, resolve=resolver)
            answer = await sender.send("http://hook.example/", HEADERS, BODY)
            assert (answer.status, answer.error) == (None, "The name can't be resolved.")
            await sender.close()

    run(test)


def test_a_name_that_resolves_slowly_is_a_time_out():
    async def resolve(host, port):
        await asyncio.sleep(60)

    async def test():
        sender = Sender(LOOPBACK, resolve=resolve)
        answer = await sender.send("http://hook.example/", HEADERS, BODY, 0.3)
        assert answer.error == "No connection within 0.3 s."
        await sender.close()

    run(test)


def test_another_address_of_the_name_is_tried():
    async def test():
        async with Server(answering()) as server:
            sender = Sender(LOOPBACK, resolve=naming("127.0.0.2", "::1", "127.0.0.1"))
            answer = await sender.send(f"http://hook.example:{server.port}/", HEADERS, BODY)
            assert (answer.status, answer.address) == (200, "127.0.0.1")
            assert b"Host: hook.example:" in server.requests[0][0]
            await sender.close()

    run(test)


def test_a_refused_connection_is_told():
    async def test():
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            sender = Sender(LOOPBACK)
            url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
            answer = await sender.send(url, HEADERS, BODY)
            assert (answer.status, answer.error) == (None, "The connection was refused.")
            await sender.close()

    run(test)


def test_a_name_that_turns_to_loopback_is_refused():
    async def test():
        names = Names(PUBLIC, "127.0.0.1")
        resolve = await asked_of(names)
        async with Server(answering()) as server:
            url = f"http://rebind.example:{server.port}/"
            # Whoever looks first, when the webhook is made, say, sees a public address.
            assert await resolve("rebind.example", server.port) == [PUBLIC]
            sender = Sender(resolve=resolve)
            for _ in range(3):
                answer = await sender.send(url, HEADERS, BODY)
                assert answer.status is None
                assert "127.0.0.1 is loopback" in (answer.error or "")
            assert server.connections == 0
            assert names.asked == 4
            await sender.close()
        names.transport.close()

    run(test)


def test_the_address_that_was_judged_is_connected_to():
    ending = False

    async def handle(peer):
        while True:
            await peer.request()
            await peer.answer(Connection="close" if ending else "keep-alive")

    async def test():
        nonlocal ending
        # Were the name asked again between the judgement and the connection, that would fail.
        names = Names("127.0.0.1", "10.0.0.1")
        resolve = await asked_of(names)
        async with Server(handle) as server:
            sender = Sender(LOOPBACK, resolve=resolve)
            url = f"http://rebind.example:{server.port}/"
            for _ in range(2):  # the second on the same connection, so the name isn't asked
                answer = await sender.send(url, HEADERS, BODY)
                assert (answer.status, answer.address) == (200, "127.0.0.1")
            assert (server.connections, names.asked) == (1, 1)
            ending = True
            assert (await sender.send(url, HEADERS, BODY)).status == 200
            answer = await sender.send(url, HEADERS, BODY)  # on a new one it is
            assert "10.0.0.1 is private" in (answer.error or "")
            assert names.asked == 2
            await sender.close()
        names.transport.close()

    run(test)
