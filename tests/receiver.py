"""A receiver of webhooks over real HTTP: an endpoint a path, each with a way of its own."""

import asyncio
import hashlib
import hmac
import json
import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from kyros_worker.command.ports import free_port

LOG = logging.getLogger(__name__)
SECRET = "your-webhook-secret"


@dataclass(frozen=True)
class Taken:
    """A delivery that an endpoint took, and when after its event, in seconds."""

    task_id: str
    type: str
    message_id: str
    latency_seconds: float


class Receiver:
    """What came to each path. A path that has no way of its own takes everything.

    `check` raises where a request is not to be trusted; it is then answered with 401.
    """

    def __init__(self, ways: "dict[str, Way] | None" = None, check: "Check | None" = None) -> None:
        self.ways = ways or {}
        self._check = check or bare_signature
        self.taken: dict[str, list[Taken]] = defaultdict(list)
        self.tried: Counter[tuple[str, str]] = Counter()
        self.forged = 0
        self.port = free_port()
        self.loop = asyncio.new_event_loop()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Within, it answers; before and after, connections are refused."""
        ready, ended = threading.Event(), asyncio.Event()

        async def serve() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            ready.set()
            await ended.wait()
            server.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

        thread = threading.Thread(target=self.loop.run_until_complete, args=[serve()], daemon=True)
        thread.start()
        assert ready.wait(10)
        try:
            yield
        finally:
            self.loop.call_soon_threadsafe(ended.set)
            thread.join(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The other end may go at any time; a cancelled connection ends with the server.
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = head.split("\r\n")
                headers = {
                    name.lower(): value
                    for name, _, value in (line.partition(": ") for line in lines[1:])
                }
                body = await reader.readexactly(int(headers["content-length"]))
                if not await self._answer(lines[0].split(" ")[1], headers, body, writer):
                    break
        writer.close()

    async def _answer(
        self, path: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> bool:
        """Gives whether the connection goes on."""
        try:
            self._check(body, headers)
        except Exception:
            LOG.exception("%s refused what came.", path)
            self.forged += 1
            return await _say(writer, 401)
        event, message_id = json.loads(body), headers["webhook-id"]
        self.tried[path, message_id] += 1
        way = self.ways.get(path, taking)
        is_taken, goes_on = await way(self.tried[path, message_id], writer)
        if is_taken:
            at = time.time()
            begun = event.get("created_at")
            latency = at - datetime.fromisoformat(begun).timestamp() if begun else 0
            task_id = event["data"].get("id", "")
            self.taken[path].append(Taken(task_id, event["type"], message_id, latency))
        return goes_on

    def doubles(self) -> Counter[str]:
        """How many deliveries each path took again."""
        return Counter(
            {
                path: len(taken) - len({one.message_id for one in taken})
                for path, taken in list(self.taken.items())
            }
        )

    def order(self, path: str) -> dict[str, list[str]]:
        """The types of each task's events in the order in which a path first took them."""
        order: dict[str, list[str]] = defaultdict(list)
        for one in list(self.taken[path]):
            if one.type not in order[one.task_id]:
                order[one.task_id].append(one.type)
        return order


#: Raises where a body with these headers, their names in lower case, is not to be trusted.
Check = Callable[[bytes, dict[str, str]], object]


def bare_signature(body: bytes, headers: dict[str, str]) -> None:
    """As the guide's handlers do it, with their secret."""
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(headers["x-kyros-signature"], signature):
        raise ValueError("another signature")


#: Answers the given try of a message; gives whether it took it and whether the connection goes on.
Way = Callable[[int, asyncio.StreamWriter], Awaitable[tuple[bool, bool]]]


async def taking(_: int, writer: asyncio.StreamWriter) -> tuple[bool, bool]:
    """200."""
    return True, await _say(writer, 200)


def answering_first(status: int, tries: int = 1, **headers: str) -> Way:
    """Another status at the first tries, then 200."""

    async def way(number: int, writer: asyncio.StreamWriter) -> tuple[bool, bool]:
        if number > tries:
            return await taking(number, writer)
        return False, await _say(writer, status, **headers)

    return way


def flapping(*statuses: int) -> Way:
    """These statuses in turn, whatever is asked; 0 closes the connection."""
    count = iter(range(1_000_000))

    async def way(number: int, writer: asyncio.StreamWriter) -> tuple[bool, bool]:
        status = statuses[next(count) % len(statuses)]
        if status == 0:
            return False, False
        if status == 200:
            return await taking(number, writer)
        return False, await _say(writer, status)

    return way


async def hanging_first(number: int, writer: asyncio.StreamWriter) -> tuple[bool, bool]:
    """Does not answer the first try, beyond any time-out."""
    if number > 1:
        return await taking(number, writer)
    await asyncio.sleep(120)
    return False, False


async def dripping_first(number: int, writer: asyncio.StreamWriter) -> tuple[bool, bool]:
    """A byte of a status line a second at the first try."""
    if number > 1:
        return await taking(number, writer)
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 100:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1)
    return False, False


async def cutting_first(number: int, writer: asyncio.StreamWriter) -> tuple[bool, bool]:
    """Closes in the midst of the status line at the first try."""
    if number > 1:
        return await taking(number, writer)
    writer.write(b"HTTP/1.1 20")
    await writer.drain()
    return False, False


async def _say(writer: asyncio.StreamWriter, status: int, **headers: str) -> bool:
    lines = [f"HTTP/1.1 {status} Said", "Content-Length: 0"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    await writer.drain()
    return True
