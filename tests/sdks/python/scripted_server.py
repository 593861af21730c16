"""A server on loopback that answers as a case scripts it, and remembers what it was asked."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEY = "kyros_test_key"
#: The beginning of a stream, and an event in it.
STREAM: dict[str, Any] = {"status": 200, "headers": {"Content-Type": "text/event-stream"}}
EVENT = 'id: 1\nevent: task.started\ndata: {"seq": 1, "type": "task.started"}\n\n'


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


class ScriptedServer:
    """Gives its answers in order (their form: tests/vectors/README.md), then what `always` does."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.script: list[dict[str, Any]] = []
        self.always: Callable[[Asked], dict[str, Any]] = _no_more
        #: Set when a client waits for an answer that does not come, and when it has left.
        self.hanging = threading.Event()
        self.left = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def answers(self, *script: dict[str, Any]) -> None:
        self.asked.clear()
        self.script[:] = script
        self.always = _no_more
        self.hanging.clear()
        self.left.clear()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _next(self, asked: Asked) -> dict[str, Any]:
        with self._lock:
            self.asked.append(asked)
            if self.script:
                return self.script.pop(0)
        return self.always(asked)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                answer = server._next(self._asked())
                if answer.get("close"):
                    self._break()
                elif answer.get("hang"):
                    self._hang()
                else:
                    self._answer(answer)

            # The names that http.server looks for.
            do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815

            def _asked(self) -> Asked:
                parts = urlsplit(self.path)
                query = parse_qsl(
                    parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)
                )
                assert len(query) == len(dict(query))
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", "0")))
                return Asked(self.command, parts.path, dict(query), headers, body)

            def _answer(self, answer: dict[str, Any]) -> None:
                headers = dict(answer.get("headers", {}))
                chunks = answer.get("chunks")
                body = answer.get("text", "").encode()
                if "body" in answer:
                    body = json.dumps(answer["body"], ensure_ascii=False).encode()
                    headers.setdefault("Content-Type", "application/json")
                if chunks is not None:
                    headers["Transfer-Encoding"] = "chunked"
                elif answer["status"] != 204:
                    headers.setdefault("Content-Length", str(len(body)))
                self.send_response(answer["status"])
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                for chunk in chunks or ():
                    data = chunk.encode()
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                if answer.get("then") == "trickle":
                    self._trickle()
                elif answer.get("then") == "hang":
                    self._hang()
                elif answer.get("then") == "close":
                    self._break()
                elif chunks is not None:
                    self.wfile.write(b"0\r\n\r\n")

            def _trickle(self) -> None:
                # Until the client is gone.
                with contextlib.suppress(OSError):
                    while self.wfile.write(b" "):
                        time.sleep(0.05)
                self._break()

            def _hang(self) -> None:
                server.hanging.set()
                # Returns when the client is gone.
                with contextlib.suppress(ConnectionResetError):
                    self.connection.recv(1)
                server.left.set()
                self._break()

            def _break(self) -> None:
                self.close_connection = True
                with contextlib.suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def data(value: Any, status: int = 200) -> dict[str, Any]:
    return {"status": status, "body": {"success": True, "data": value}}


def _no_more(_: Asked) -> dict[str, Any]:
    return {"status": 599, "text": "no more"}


def nobody() -> str:
    """An address where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"
