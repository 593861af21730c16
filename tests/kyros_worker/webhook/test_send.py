import asyncio
import datetime as dt
import gzip
import ipaddress
import socket
import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kyros_worker.webhook.address import networks, own_ports
from kyros_worker.webhook.send import Sender, addresses_of_this_machine

LOOPBACK = networks("127.0.0.0/8, ::1")
HEADERS = {"Content-Type": "application/json", "X-Kyros-Event": "test"}
BODY = b'{"type":"test","data":{}}'
PUBLIC = "8.8.8.8"


class Peer:
    """One connection of a server: reads requests, writes whatever bytes a test wants."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def request(self):
        """The next request's head and body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        )
        return head, await self.reader.readexactly(length)

    async def write(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, status=200, body=b"ok", **headers):
        lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


class Server:
    """A server on loopback whose connections `handle` serves; counts and keeps what came."""

    def __init__(self, handle, tls=None):
        self.handle, self.tls = handle, tls
        self.connections = 0
        self.requests = []
        self.asked = asyncio.Event()
        self.tasks = set()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = self.server.sockets[0].getsockname()[1]
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/hook"
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def serve(self, reader, writer):
        self.connections += 1
        self.tasks.add(asyncio.current_task())
        peer = Peer(reader, writer)
        request = peer.request

        async def kept():
            self.requests.append(await request())
            self.asked.set()
            return self.requests[-1]

        peer.request = kept
        try:
            await self.handle(peer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # a cancelled task, too, ends well: the stream's own callback asks how
        finally:
            writer.close()


def run(test):
    async def bounded():
        async with asyncio.timeout(30):
            await test()

    asyncio.run(bounded())


async def sent(handle, seconds=10.0, **options):
    """What one sending to a server that does `handle` gives, and the server."""
    sender = Sender(LOOPBACK, **options)
    async with Server(handle) as server:
        try:
            return await sender.send(server.url, HEADERS, BODY, seconds), server
        finally:
            await sender.close()


def answering(status=200, body=b"ok", **headers):
    async def handle(peer):
        while True:
            await peer.request()
            await peer.answer(status, body, **headers)

    return handle


def writing(data, then=0.0):
    async def handle(peer):
        await peer.request()
        await peer.write(data)
        await asyncio.sleep(then)

    return handle


def dripping(first, drop):
    async def handle(peer):
        await peer.request()
        await peer.write(first)
        while True:
            await peer.write(drop)
            await asyncio.sleep(0.05)

    return handle


async def hanging(peer):
    await peer.request()
    await asyncio.sleep(60)


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


# Addresses


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


def naming(*addresses):
    async def resolve(host, port):
        return addresses

    return resolve


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


class Names(asyncio.DatagramProtocol):
    """A DNS server for one name: gives its addresses one after another, the last for ever."""

    def __init__(self, *addresses):
        self.addresses = list(addresses)
        self.asked = 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, sender):
        self.asked += 1
        address = self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]
        answer = b"\xc0\x0c\x00\x01\x00\x01" + bytes(4) + b"\x00\x04" + socket.inet_aton(address)
        head = data[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"
        self.transport.sendto(head + data[12:] + answer, sender)


async def asked_of(names):
    """A resolver that asks the DNS server each time, as one without a cache does."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: names, local_addr=("127.0.0.1", 0))
    place = transport.get_extra_info("sockname")

    async def resolve(host, port):
        labels = b"".join(bytes([len(x)]) + x.encode() for x in host.split(".")) + b"\0"
        query = b"\x12\x34\x01\x00\x00\x01" + bytes(6) + labels + b"\x00\x01\x00\x01"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.setblocking(False)
            await loop.sock_connect(asking, place)
            await loop.sock_sendall(asking, query)
            answer = await loop.sock_recv(asking, 512)
        return [socket.inet_ntoa(answer[-4:])]

    return resolve


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


# TLS


def certificate(folder, name, *, days=30):
    """A self-signed certificate and its key, as a context of a server, and the file of the two."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=60))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, file


@pytest.mark.parametrize(("trusted", "name", "days", "error"), [
    (False, "hook.example", 30, "The certificate is not valid: self"),
    (True, "other.example", 30, "The certificate is not valid: Hostname mismatch"),
    (True, "hook.example", -1, "The certificate is not valid: certificate has expired"),
    (True, "hook.example", 30, None),
])  # fmt: skip
def test_certificates_are_verified(tmp_path, trusted, name, days, error):
    context, file = certificate(tmp_path, name, days=days)
    tls = ssl.create_default_context(cafile=file) if trusted else None

    async def test():
        sender = Sender(LOOPBACK, resolve=naming("127.0.0.1"), tls=tls)
        async with Server(answering(), tls=context) as server:
            for _ in range(2):
                url = f"https://hook.example:{server.port}/"
                answer = await sender.send(url, HEADERS, BODY)
                if error is None:
                    assert (answer.status, answer.error) == (200, None)
                else:
                    assert answer.status is None
                    assert (answer.error or "").startswith(error)
            assert len(server.requests) == (0 if error else 2)
            assert error or server.connections == 1
            await sender.close()

    run(test)


def test_a_server_without_tls_is_told():
    async def handle(peer):
        await peer.reader.read(100)
        await peer.write(b"HTTP/1.1 400 No\r\n\r\n")

    async def test():
        sender = Sender(LOOPBACK)
        async with Server(handle) as server:
            answer = await sender.send(server.url.replace("http:", "https:"), HEADERS, BODY)
            assert (answer.status, answer.error) == (None, "No TLS connection could be made.")
            await sender.close()

    run(test)
