"""A small HTTP load generator: many kept-alive connections, driven by one thread.

It shares the processor with what it measures, so it does as little as can be done: the requests
are bytes that were made before, and of an answer only its status line and its length are read.
"""

import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Measured:
    """What one run of load saw; latencies in seconds, times in seconds since 1970."""

    seconds: float = 0
    latencies: list[float] = field(default_factory=list)
    answered_at: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        """Answers in a second."""
        return len(self.latencies) / self.seconds

    def refused(self) -> dict[int, int]:
        """How many answers had which status outside of 200 to 299."""
        return {code: count for code, count in self.statuses.items() if code // 100 != 2}  # noqa: PLR2004


class _Connection:
    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self.received = b""

    def send(self, request: bytes) -> None:
        self.received = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> int | None:
        """The answer's status when all of it is there, else None."""
        piece = self.socket.recv(262_144)
        if not piece:
            raise ConnectionError("the server closed a kept-alive connection")
        self.received += piece
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator:
            return None
        return int(head[9:12]) if len(body) >= _length(head) else None


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError("an answer without Content-Length")


def post(path: str, body: bytes, key: str) -> bytes:
    """A request's bytes, with a key as its credential."""
    return _request("POST", path, key, body)


def get(path: str, key: str) -> bytes:
    """A request's bytes, with a key as its credential."""
    return _request("GET", path, key, b"")


def _request(method: str, path: str, key: str, body: bytes) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def run(
    port: int,
    request: Callable[[int], bytes],
    *,
    connections: int,
    seconds: float = 3600,
    count: int | None = None,
) -> Measured:
    """Sends `request(n)` for n = 0, 1, … on every connection as soon as it is free.

    Ends after so many seconds, or after `count` requests where that comes first; the answers that
    are still to come are waited for.
    """
    measured, selector = Measured(), selectors.DefaultSelector()
    number, limit = 0, count if count is not None else 1 << 60
    began = time.perf_counter()
    deadline = began + seconds
    # All are opened before the first request, so that the processes of a server share them.
    opened = [_Connection(("127.0.0.1", port)) for _ in range(min(connections, limit))]
    for connection in opened:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    began = time.perf_counter()
    for connection in opened:
        connection.send(request(number))
        number += 1
    waiting = len(opened)
    while waiting:
        for key, _ in selector.select(timeout=30):
            connection = key.data
            status = connection.receive()
            if status is None:
                continue
            now = time.perf_counter()
            measured.latencies.append(now - connection.sent_at)
            measured.answered_at.append(time.time())
            measured.statuses[status] = measured.statuses.get(status, 0) + 1
            if now < deadline and number < limit:
                connection.send(request(number))
                number += 1
            else:
                waiting -= 1
    measured.seconds = time.perf_counter() - began
    for connection in opened:
        connection.socket.close()
    selector.close()
    return measured
