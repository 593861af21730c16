"""A server on loopback that answers with whatever bytes a test wants, and a sending to it."""

import asyncio

from kyros_worker.webhook.address import networks
from kyros_worker.webhook.send import Sender

LOOPBACK = networks("127.0.0.0/8, ::1")
HEADERS = {"Content-Type": "application/json", "X-Kyros-Event": "test"}
BODY = b'{"type":"test","data":{}}'


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
