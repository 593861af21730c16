"""A model server on loopback that does as a test tells it: OpenAI's chat protocol, streamed.

A script is a function from a request to the steps of its answer: bytes are sent, numbers are
pauses in seconds, and CUT closes the connection. What the client sends, and when it leaves, is
kept.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

CUT = object()
FOREVER = 3600.0

Steps = Iterable[bytes | float | object]


@dataclass
class Request:
    """One request as it came; `left` is when its client hung up before the answer's end."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float = field(default_factory=time.monotonic)
    left: float | None = None


Script = Callable[[Request], Steps]


class ScriptedServer:
    """Serves in a thread of its own from `with` to its end."""

    def __init__(self, script: Script | None = None) -> None:
        self.script: Script = script or (lambda _: chat("{}"))
        self.requests: list[Request] = []
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def wait_until(self, seen: Callable[[], bool], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not seen():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.005)

    async def _start(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def _stop(self):
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        early: bytes | None = b""
        try:
            while early is not None and (request := await _read(reader, early)) is not None:
                self.requests.append(request)
                early = await self._answer(request, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _answer(self, request, reader, writer):
        """Sends the steps; what of the next request came meanwhile, None when it is over."""
        sending = asyncio.create_task(self._send(request, writer))
        # Before the answer's end nothing comes from a client but the end of its connection.
        leaving = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                request.left = time.monotonic()
                return None
            return (leaving.result() if leaving.done() else b"") if sending.result() else None
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send(self, request, writer):
        for step in self.script(request):
            if step is CUT:
                writer.transport.abort()
                return False
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            else:
                await asyncio.sleep(step)
        return True


async def _read(reader, early):
    if reader.at_eof():
        return None
    head = early + await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(first.split()[1], headers, json.loads(body or b"{}"))


def response(status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> bytes:
    lines = {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Scripted\r\n{head}\r\n".encode() + body


def error(status: int, message: str = "no", headers=None, **fields: Any) -> Steps:
    """An error as OpenAI words them."""
    told = {"error": {"message": message, "type": "error", "code": None, **fields}}
    return [response(status, json.dumps(told).encode(), "application/json", headers)]


def page(status: int, text: str) -> Steps:
    """What a proxy answers that knows nothing of models."""
    return [response(status, text.encode(), "text/html")]


def chat(
    text: str,
    *,
    usage: dict[str, Any] | None = None,
    finish: str | None = "stop",
    pieces: int = 3,
    pause: float = 0,
    cut_after: int | None = None,
    last: Steps = (),
) -> Steps:
    """A streamed answer in pieces, with a pause before each; usage comes in the last chunk."""
    yield stream_head()
    size = max(1, -(-len(text) // pieces))
    for number, start in enumerate(range(0, len(text), size)):
        if number == cut_after:
            yield CUT
        yield pause
        yield chunk(_delta({"role": "assistant", "content": text[start : start + size]}))
    yield chunk(_delta({}, finish))
    if usage is not None:
        yield chunk({**_delta({}), "choices": [], "usage": usage})
    yield from last
    yield event("[DONE]") + b"0\r\n\r\n"


def whole(text: str, *, usage: dict[str, Any] | None = None, finish: str = "stop") -> Steps:
    """An answer that is not streamed, whatever was asked for."""
    choice = {
        "index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish,
    }  # fmt: skip
    told = {**_delta({}), "object": "chat.completion", "choices": [choice], "usage": usage}
    return [response(200, json.dumps(told).encode(), "application/json")]


def hang(after_head: bool = True) -> Steps:
    """No answer ever."""
    if after_head:
        yield stream_head()
    yield FOREVER


def stream_head() -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )


def chunk(data: Any) -> bytes:
    return event(json.dumps(data))


def event(text: str, name: str | None = None) -> bytes:
    """One server-sent event as one HTTP chunk."""
    lines = (f"event: {name}\n" if name else "") + f"data: {text}\n\n"
    return f"{len(lines.encode()):x}\r\n{lines}\r\n".encode()


def _delta(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": "scripted",
        "choices": [choice],
    }


def messages(text: str, usage: dict[str, int], stop: str = "end_turn") -> Steps:
    """An answer in Anthropic's protocol, streamed."""
    begun = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "scripted", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1},
    }  # fmt: skip
    told = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0,
         "delta": {"type": "text_delta", "text": text}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None},
         "usage": {"output_tokens": usage["output_tokens"]}},
        {"type": "message_stop"},
    ]  # fmt: skip
    yield stream_head()
    for one in told:
        yield event(json.dumps(one), one["type"])
    yield b"0\r\n\r\n"
