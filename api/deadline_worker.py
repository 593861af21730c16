"""gunicorn's thread worker, with a bound on how long a client may take to send and to read.

gunicorn itself bounds only the wait for a connection's first byte: a client that sends a byte a
minute would hold a thread for ever. Here what a request consists of must have arrived
KYROS_REQUEST_SECONDS after its first byte, and a piece of the answer must be taken in that time.
"""

import errno
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from gunicorn.workers.gthread import ThreadWorker

from kyros_worker.clock import now
from kyros_worker.errors import RequestTimeoutError
from kyros_worker.ids import new_id
from kyros_worker.settings import current

#: A time-out of 0 would not wait, and say so in another way.
_SOON = 0.001


class _HeadTimeoutError(Exception):
    """A request's head was not there in time; no OSError, which gunicorn would drop silently."""


class DeadlineSocket(socket.socket):
    """A connection whose reads end at a deadline, and whose writes take a bounded time each."""

    def __init__(self, taken: socket.socket, seconds: float) -> None:
        super().__init__(fileno=taken.detach())
        self._seconds = seconds
        self._deadline = 0.0
        self._reading: Literal["head", "body"] | None = None
        self._give_up: Callable[[], None] = lambda: None

    def begin_head(self) -> None:
        """A request begins."""
        self._deadline = time.monotonic() + self._seconds
        self._reading = "head"

    def begin_body(self, give_up: Callable[[], None]) -> None:
        """Its head has been read; `give_up` is called when its body is not there in time."""
        self._reading, self._give_up = "body", give_up

    def end(self) -> None:
        """It is over: what gunicorn still reads has bounds of its own."""
        self._reading = None

    def recv(self, *arguments: Any) -> bytes:
        """Raises TimeoutError in a body, _HeadTimeoutError in a head."""
        if self._reading is None:
            return super().recv(*arguments)
        try:
            self.settimeout(max(self._deadline - time.monotonic(), _SOON))
            return super().recv(*arguments)
        except TimeoutError:
            if self._reading == "head":
                raise _HeadTimeoutError from None
            self._give_up()
            raise

    def sendall(self, *arguments: Any) -> None:
        """Raises BrokenPipeError when the client does not take it in time."""
        with self._sending():
            super().sendall(*arguments)

    def sendfile(self, *arguments: Any, **named: Any) -> int:
        """Raises BrokenPipeError when the client does not take it in time."""
        with self._sending():
            return super().sendfile(*arguments, **named)

    @contextmanager
    def _sending(self) -> Iterator[None]:
        self.settimeout(self._seconds)
        try:
            yield
        except TimeoutError:
            raise BrokenPipeError(errno.EPIPE, "the client does not read") from None


class DeadlineWorker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """The worker: each connection is a DeadlineSocket."""

    def enqueue_req(self, conn: Any) -> None:
        """Hand a connection that was accepted, or has something to read, to a thread."""
        if not isinstance(conn.sock, DeadlineSocket):
            conn.sock = DeadlineSocket(conn.sock, current().request_seconds)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """One request, in a thread; whether its connection stays open."""
        conn.sock.begin_head()
        try:
            stays = super().handle(conn)
        finally:
            conn.sock.end()
        if not stays:
            # Waits two seconds for the client to close, too: gunicorn would do that in the loop
            # that hands out all other connections.
            conn.close(graceful=True)
            conn.close = _is_closed
        return stays

    def handle_request(self, req: Any, conn: Any) -> bool:
        """The request, whose head has been read; whether its connection stays open."""
        conn.sock.begin_body(req.force_close)
        try:
            return bool(super().handle_request(req, conn))
        finally:
            conn.sock.end()

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what could not become a request."""
        if not isinstance(exc, _HeadTimeoutError):
            super().handle_error(req, client, addr, exc)
            return
        self.log.info("the head of a request did not arrive in time")
        try:
            client.sendall(_head_timeout())
        except OSError:
            self.log.debug("the answer could not be sent")


def _is_closed(*, graceful: bool = False) -> None:
    """What is closed stays so."""


def _head_timeout() -> bytes:
    error = RequestTimeoutError("The request's head did not arrive in time.")
    request_id = new_id("req", now())
    envelope = {"success": False, "error": error.message, "code": error.code, "details": [],
                "request_id": request_id}  # fmt: skip
    body = json.dumps(envelope, separators=(",", ":")).encode()
    head = (
        f"HTTP/1.1 {error.status} Request Timeout\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"X-Request-Id: {request_id}\r\n\r\n"
    )
    return head.encode() + body
