"""An API on loopback that answers as a test scripts it, and remembers what it was asked."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kyros_worker.command.client import Client
from kyros_worker.command.server import Server

KEY = "kyros_test_" + "x" * 40


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """One answer; `drop` closes the connection without one, or in the middle of its body."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


def data(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps({"success": True, "data": value}).encode(), headers)


def refusal(status: int, sentence: str, details: Any = (), **headers: str) -> Answer:
    body = {"success": False, "error": sentence, "code": "some", "details": list(details)}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, json.dumps(body).encode(), named)


def stream(*events: tuple[int, dict[str, Any]], end: bool = False, drop: bool = False) -> Answer:
    text = ": here it comes\n\n"
    for seq, task in events:
        item = {"seq": seq, "type": "task.progress", "data": task}
        text += f"id: {seq}\nevent: task.progress\n"
        text += f"data: {json.dumps(item, ensure_ascii=False)}\n\n"
    if end:
        text += "event: end\ndata: {}\n\n"
    return Answer(200, text.encode(), {"Content-Type": "text/event-stream"}, drop)


class ScriptedApi:
    """Gives its answers in order; the last one again and again."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.script: list[Answer | Callable[[Asked], Answer]] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def answers(self, *script: Answer | Callable[[Asked], Answer]) -> None:
        self.script = list(script)

    def client(self) -> Client:
        return Client(Server(self.url, KEY, "start the stack with `kyros up`", is_local=True))

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _next(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return step if isinstance(step, Answer) else step(asked)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                asked = Asked(self.command, self.path, dict(self.headers), self.rfile.read(length))
                answer = api._next(asked)
                self.close_connection = True
                if answer.drop and not answer.body:
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Connection", "close")
                missing = 10 if answer.drop else 0
                self.send_header("Content-Length", str(len(answer.body) + missing))
                self.end_headers()
                self.wfile.write(answer.body)

            # The names that http.server looks for.
            do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
