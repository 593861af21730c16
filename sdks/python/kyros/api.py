"""One request to the API: sent, tried again where that helps, its answer read.

Every method raises a KyrosError: its own class for what the caller can do about it.
"""

import contextlib
import logging
import math
import random
import re
import time
import uuid
from typing import (
    Any,
    AsyncGenerator,
    Awaitable,
    Callable,
    Dict,
    Mapping,
    NamedTuple,
    Optional,
    TypeVar,
)

import httpx

from kyros import exact, refusal, retry
from kyros.errors import APIConnectionError, APITimeoutError, KyrosError
from kyros.server_sent_events import Message, Reader
from kyros.transport import Transport
from kyros.version import VERSION

_log = logging.getLogger("kyros")

T = TypeVar("T")

_OK = 200
#: A quiet stream carries a comment every ten seconds.
_STREAM_SECONDS = 20.0
#: How much longer than until the call's end its last answer may take.
_GRACE_SECONDS = 1.0
#: A little less than what a socket can wait for: 2³¹ milliseconds.
_MOST_SECONDS = 2_000_000
_JSON = "application/json"
_EVENT_STREAM = "text/event-stream"


class Call(NamedTuple):
    """What is asked: the path is that after `/v1`, its variable parts quoted already."""

    method: str
    path: str
    query: Mapping[str, Any] = {}
    #: None: no body.
    body: Optional[Mapping[str, Any]] = None
    idempotency_key: Optional[str] = None
    #: Seconds that the API may take beyond the client's timeout.
    waits: float = 0.0
    #: When all tries and pauses are to be over (`time.monotonic()`).
    end: float = math.inf


class Api:
    """One API and one key, over one transport. Threads, or an event loop's tasks, share it."""

    def __init__(
        self,
        transport: Transport,
        url: str,
        key: str,
        timeout: float,
        max_retries: int,
        mode: Optional[str],
    ) -> None:
        if not 0 < timeout <= _MOST_SECONDS:
            raise ValueError(f"timeout must be a number of seconds, up to {_MOST_SECONDS}.")
        if not isinstance(max_retries, int) or max_retries < 0:
            raise ValueError("max_retries must be a whole number, 0 or more.")
        if mode not in (None, "live", "test"):
            raise ValueError("mode must be live or test.")
        self.transport = transport
        self._url = url
        self._timeout = timeout
        self._max_retries = max_retries
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Accept": _JSON,
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": f"kyros-python/{VERSION}",
        }
        if mode is not None:
            self._headers["X-Kyros-Mode"] = mode

    async def call(self, call: Call, reads: Callable[[Any], T]) -> T:
        """What `reads` makes of the answer's `data`."""
        request = self._request(call)
        tries = 0
        while True:
            try:
                sent = self.transport.send(request, call.end + _GRACE_SECONDS)
                return refusal.checked(await self._answered(request, sent), reads)
            except KyrosError as error:  # noqa: PERF203 - the network is slower
                await self.pause(error, tries, call)
                tries += 1
                # Less is left until the end.
                request.extensions["timeout"] = self._timeouts(call)

    async def messages(
        self, path: str, last_event_id: Optional[str]
    ) -> AsyncGenerator[Optional[Message], None]:
        """The events of a stream, as long as its connection lasts; nothing is tried again.

        None comes first: the answer has begun.
        """
        headers = {"Accept": _EVENT_STREAM}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        request = self._request(Call("GET", path, waits=_STREAM_SECONDS), headers)
        response = await self._answered(request, self.transport.open(request))
        try:
            is_stream = response.headers.get("Content-Type", "").startswith(_EVENT_STREAM)
            if response.status_code != _OK or not is_stream:
                with self._told(request):
                    await self.transport.read(response)
                raise refusal.refused(response)
            yield None
            async for message in self._read(response):
                yield message
        finally:
            await self.transport.leave(response)

    async def pause(self, error: KyrosError, tries: int, call: Optional[Call] = None) -> None:
        """Waits before the next try after `tries` earlier ones, or raises the error.

        Raises APITimeoutError (code `wait_timeout`) where the call would have ended by then.
        """
        chance = random.random()  # nosec B311  # noqa: S311 - spreads load, keeps no secret
        seconds = retry.pause(error, tries, self._max_retries, chance)
        # Also a last try may be late: the one that the end cut short.
        may_be_late = seconds is not None or isinstance(error, APITimeoutError)
        if call and may_be_late and time.monotonic() + (seconds or 0.0) > call.end:
            raise APITimeoutError(
                f"{call.path} was not answered in time. The last try: {error.message}",
                code="wait_timeout",
            ) from error
        if seconds is None:
            raise error
        _log.debug("trying again in %.2f s: %s", seconds, error)
        await self.transport.pause(seconds)

    async def _read(self, response: httpx.Response) -> AsyncGenerator[Message, None]:
        reader = Reader()
        chunks = self.transport.chunks(response)
        try:
            with self._told(response.request):
                async for chunk in chunks:
                    for message in reader.feed(chunk):
                        yield message
        except ValueError as error:
            raise refusal.unreadable(response) from error
        finally:
            await chunks.aclose()

    async def _answered(
        self, request: httpx.Request, sent: Awaitable[httpx.Response]
    ) -> httpx.Response:
        begun = time.monotonic()
        with self._told(request):
            response = await sent
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug(
                "%s %s: %d in %.3f s, %s",
                request.method,
                request.url.path,
                response.status_code,
                time.monotonic() - begun,
                response.headers.get("X-Request-Id"),
            )
        return response

    @contextlib.contextmanager
    def _told(self, request: httpx.Request) -> Any:
        """What the HTTP library raises, as what a caller can act on."""
        try:
            yield
        except httpx.TimeoutException as error:
            seconds = round(request.extensions["timeout"]["read"], 3)
            raise APITimeoutError(
                f"{self._url} did not answer within {seconds:g} seconds.", code="timeout"
            ) from error
        except httpx.RequestError as error:
            why = str(error) or type(error).__name__
            raise APIConnectionError(
                f"No whole answer came from {self._url}: {why}.", code="connection_failed"
            ) from error

    def _request(self, call: Call, headers: Optional[Dict[str, str]] = None) -> httpx.Request:
        headers = {**self._headers, **(headers or {})}
        content = None
        if call.body is not None:
            headers["Content-Type"] = _JSON
            content = exact.dumps(call.body)
        if call.method == "POST":
            # The same at every try: what was done already is not done again.
            headers["Idempotency-Key"] = _idempotency_key(call.idempotency_key)
        # Not by the client's build_request: merging its defaults costs as much as all else here.
        return httpx.Request(
            call.method,
            self._url + call.path,
            params={name: value for name, value in call.query.items() if value is not None} or None,
            headers=headers,
            content=content,
            extensions={"timeout": self._timeouts(call)},
        )

    def _timeouts(self, call: Call) -> Dict[str, Optional[float]]:
        left = max(0.0, call.end - time.monotonic()) + _GRACE_SECONDS
        seconds = min(self._timeout + call.waits, left)
        return {
            "connect": min(self._timeout, left),
            # That all connections are in use is not the API's fault: one becomes free.
            "pool": None if call.end == math.inf else seconds,
            "read": seconds,
            "write": seconds,
        }


def _idempotency_key(given: Optional[str]) -> str:
    """The caller's own key, or a new one. Raises ValueError for what is none, the empty one too."""
    if given is None:
        return str(uuid.uuid4())
    if not re.fullmatch("[!-~]{1,255}", given):
        raise ValueError("idempotency_key must be 1 to 255 printable ASCII characters, no blanks.")
    return given
