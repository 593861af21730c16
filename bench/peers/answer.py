"""An API that answers every request with the same task: what a client takes beside it.

`python -m bench.peers.answer` prints its address.
"""

import asyncio
import json

TASK = {
    "id": "task_17956207228585975138476",
    "title": "Answer HEAD requests on /healthz",
    "description": "Some load balancers ask with HEAD and take 405 for a failure.",
    "type": "implementation",
    "priority": "high",
    "assignee_role": "implementer",
    "acceptance_criteria": ["HEAD /healthz answers 200 without a body"],
    "files_to_modify": ["api/probes.py"],
    "complexity": None,
    "metadata": {},
    "deadline_seconds": 86400,
    "dedupe_key": None,
    "mode": "test",
    "created_by": "key_17956206938204450761796",
    "created_at": "2026-01-02T03:04:05.678901Z",
    "url": "http://127.0.0.1:8000/tasks/task_17956207228585975138476",
    "status": "in_progress",
    "progress": {"percentage": 37.5, "stage": "critic", "message": "The critic is reading."},
    "updated_at": "2026-01-02T03:04:05.678901Z",
    "state": "running",
    "cancelled": False,
    "result": None,
    "error": None,
    "cost_usd": 0.00172325,
    "unpriced_calls": 0,
    "model_tier": "economy",
    "escalated": False,
    "submission_id": "sub_17956207228585975138477",
    "deadline_at": "2026-01-03T03:04:05.678901Z",
    "started_at": "2026-01-02T03:04:05.678901Z",
    "completed_at": None,
}
_BODY = json.dumps({"success": True, "data": TASK}, separators=(",", ":")).encode()
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: req_1\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length:")[2].partition(b"\r")[0]
            await reader.readexactly(int(length or 0))
            writer.write(_ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _serve() -> None:
    server = await asyncio.start_server(_talk, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
