"""Whom a guide's samples call beside Kyros: a receiver of webhooks, Jira, Slack, GitHub.

All are scripted, on one port. Each answers as its own documents say, as far as the samples go, and
remembers what it was asked.
"""

import hashlib
import hmac
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WEBHOOK_SECRET = "your-webhook-secret"
TRANSITIONS = {"11": "To Do", "21": "In Progress", "31": "Done", "41": "Blocked"}


@dataclass(frozen=True)
class Asked:
    """One request, and the status that it was answered with."""

    method: str
    path: str
    body: Any
    status: int


class Strangers:
    """`asked` tells what came, by the beginning of the path."""

    def __init__(self) -> None:
        self._all: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def asked(self, path: str) -> list[Asked]:
        return [one for one in list(self._all) if one.path.startswith(path)]

    @contextmanager
    def listening(self) -> Iterator[None]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        strangers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                status, answer = answered(self.path, dict(self.headers.items()), body)
                read = json.loads(body) if body.startswith(b"{") else body.decode()
                strangers._all.append(Asked(self.command, self.path, read, status))
                said = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST  # noqa: N815 - the name that http.server looks for

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def answered(path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
    """Status and JSON for what came."""
    if path.startswith("/rest/api/2/issue"):
        return _jira(path, body)
    if path.startswith("/repos/"):
        return 201, {"id": 1}
    if path.startswith("/api/"):
        return 200, {"ok": True, "channel": "C1", "ts": "1.1"}
    signature = hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
    told = {name.lower(): value for name, value in headers.items()}.get("x-kyros-signature", "")
    if not hmac.compare_digest(told, signature):
        return 401, {"error": "Invalid signature"}
    return 200, {"status": "received"}


def _jira(path: str, body: bytes) -> tuple[int, Any]:
    """Jira's REST API, version 2: a transition is named by its id."""
    if path == "/rest/api/2/issue":
        fields = json.loads(body)["fields"]
        spaces = any(re.search(r"\s", label) for label in fields["labels"])
        return (400, {"errors": {"labels": "has spaces"}}) if spaces else (201, {"key": "DEV-7"})
    if not body:
        named = [{"id": key, "name": name} for key, name in TRANSITIONS.items()]
        return 200, {"transitions": named}
    if json.loads(body).get("transition", {}).get("id") not in TRANSITIONS:
        return 400, {"errorMessages": ["Missing 'transition' identifier"]}
    return 200, {}
