"""Webhooks of a running stack: nothing is lost, and one slow endpoint holds up no other."""

import json
import os
import signal
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from hmac import compare_digest, new
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.acceptance.stack import Deployment, eventually, new_task

SECRET = "your-webhook-secret"
EVENTS = ["task.created", "task.started", "task.completed"]


class Receiver:
    """Endpoints by path: `/good`; `/flaky` fails the first try of each event; `/gone`."""

    def __init__(self) -> None:
        self.taken: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        self.forged = 0
        self._tried: set[str] = set()
        self._lock = threading.Lock()

    def status(self, path: str, message_id: str, signature: str, body: bytes) -> int:
        expected = new(SECRET.encode(), body, sha256).hexdigest()
        event = json.loads(body)
        with self._lock:
            if not compare_digest(signature, expected):
                self.forged += 1
                return 401
            if path == "/gone":
                return 410
            if path == "/flaky" and message_id not in self._tried:
                self._tried.add(message_id)
                return 503
            self.taken[path].append((event["data"].get("id", ""), event["type"], message_id))
            return 200


@contextmanager
def receiving() -> Iterator[tuple[Receiver, str]]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = self.headers["webhook-id"], self.headers["X-Kyros-Signature"]
            self.send_response(receiver.status(self.path, *headers, body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield receiver, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def endpoints(stack: Deployment) -> Iterator[tuple[Receiver, dict[str, str]]]:
    """A receiver, and the ids of its three endpoints by path."""
    made = {}
    with receiving() as (receiver, address):
        for path in ("/good", "/flaky", "/gone"):
            body = {"url": address + path, "events": EVENTS, "secret": SECRET}
            answer = stack.http.post("/v1/webhooks", json=body)
            assert answer.status_code == 201, answer.text
            made[path] = answer.json()["data"]["id"]
        yield receiver, made
        for webhook_id in made.values():
            stack.http.delete(f"/v1/webhooks/{webhook_id}").raise_for_status()


@pytest.mark.long
def test_killed_workers_and_an_emptied_redis_lose_no_delivery(stack, endpoints):
    receiver, made = endpoints
    tasks = stack.create_many([new_task(type="chore")] * 100)
    eventually(lambda: receiver.taken["/good"], 20, "deliveries have begun")
    os.killpg(stack.pid("webhooks"), signal.SIGKILL)
    stack.redis().flushall()
    stack.wait_final(*tasks, seconds=60)
    wanted = {(task["id"], event) for task in tasks for event in EVENTS}
    for path in ("/good", "/flaky"):
        eventually(
            lambda p=path: {one[:2] for one in receiver.taken[p]} == wanted,
            90,
            f"{path} has got everything",
        )
        order = defaultdict(list)
        for task_id, event, _ in receiver.taken[path]:
            if event not in order[task_id]:
                order[task_id].append(event)
        assert all(events == EVENTS for events in order.values())
    assert receiver.forged == 0
    gone = stack.http.get(f"/v1/webhooks/{made['/gone']}").json()["data"]
    assert (gone["enabled"], gone["disabled_reason"]) == (False, "it answered 410 Gone.")
    log = stack.http.get(f"/v1/webhooks/{made['/gone']}/deliveries").json()["data"]["deliveries"]
    assert {one["status"] for one in log} == {"held"}


def test_the_test_event(stack, endpoints):
    receiver, made = endpoints
    sent = stack.http.post(f"/v1/webhooks/{made['/good']}/test", json={}).json()["data"]
    assert sent["body"] == '{"type":"test","data":{}}'

    def newest() -> dict[str, Any]:
        answer = stack.http.get(f"/v1/webhooks/{made['/good']}/deliveries?limit=1")
        return answer.json()["data"]["deliveries"][0]

    eventually(lambda: newest()["status"] == "delivered", 20, "the test event is delivered")
    assert [event for _, event, _ in receiver.taken["/good"]][-1] == "test"
    assert receiver.forged == 0
