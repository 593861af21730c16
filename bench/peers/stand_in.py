"""A model server that answers every question in the same way, after so many seconds.

`python -m bench.peers.stand_in SECONDS` prints its address. It speaks OpenAI's chat protocol,
streamed, with the usage in the last chunk. `GET /most` answers how many questions it had at once.
"""

import asyncio
import json
import sys

ANSWER = {
    "summary": "HEAD is answered as GET is, without a body.",
    "changes": [{"path": "api/probes.py", "action": "create", "content": "def head(): ...\n"}],
    "criteria": [],
    "risks": [],
    "needs": [],
    "confidence": 0.9,
}
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class StandIn:
    """The server; it counts the questions that it has at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._now = self._most = 0

    async def serve(self) -> None:
        """Prints its address, then serves until it is killed."""
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, backlog=2048)
        print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
        await server.serve_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.partition(b"content-length:")[2].partition(b"\r")[0]
                await reader.readexactly(int(length or 0))
                if head.startswith(b"get "):
                    body = str(self._most).encode()
                    writer.write(
                        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
                    )
                else:
                    await self._answer(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        self._now += 1
        self._most = max(self._most, self._now)
        try:
            writer.write(_HEAD)
            await asyncio.sleep(self._seconds)
        finally:
            self._now -= 1
        usage = {"prompt_tokens": 800, "completion_tokens": 90, "total_tokens": 890}
        writer.write(_chunk(_delta({"role": "assistant", "content": json.dumps(ANSWER)})))
        writer.write(_chunk(_delta({}, "stop")))
        writer.write(_chunk({**_delta({}), "choices": [], "usage": usage}))
        writer.write(_event(b"[DONE]") + b"0\r\n\r\n")


def _delta(delta: dict[str, str], finish: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "stand-in",
        "choices": [choice],
    }  # fmt: skip


def _chunk(value: dict[str, object]) -> bytes:
    return _event(json.dumps(value).encode())


def _event(data: bytes) -> bytes:
    line = b"data: " + data + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(line), line)


if __name__ == "__main__":
    asyncio.run(StandIn(float(sys.argv[1])).serve())
