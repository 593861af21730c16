"""Sending one webhook, to addresses that may be reached and no others.

A URL comes from a customer and its answer from anyone: both are taken for hostile. Each address
is judged twice: all of a name's at once when it is resolved, and the one that is connected to when
its socket is made, which a URL with an address instead of a name meets first. What was judged is
what is connected to, so a name that changes its address in between gains nothing.
"""

import asyncio
import re
import select
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

import aiohttp
import psutil
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import AddrInfoType, Connection
from aiohttp.tracing import Trace

from kyros_worker.webhook.address import Networks, Own, is_private, refusal, refusal_of_url

#: Gives the addresses of a host's name; raises OSError when it has none.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

USER_AGENT = "Kyros-Webhooks/1"
#: How much of an answer is kept, in bytes.
KEPT_BYTES = 4096
#: How much of an answer is read before the connection is dropped, in bytes.
READ_BYTES = 65536
#: How long an idle connection is kept. Node's servers close theirs after 5 s; to be earlier
#: spares most of the deliveries that would meet a connection just closed.
_IDLE_SECONDS = 4.0

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: What this module decides, whatever its caller asks for.
_OWN_HEADERS = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of sending a webhook once."""

    #: None when no status came.
    status: int | None
    #: The answer's first bytes, as far as they came.
    body: bytes
    #: The header `Retry-After` as it was sent.
    retry_after: str | None
    #: Why there is no status, or why the body ends early: a sentence for a person.
    error: str | None
    duration_seconds: float
    #: The IP address connected to.
    address: str | None
    #: Whether that address is other than a public one: its answer isn't for everyone.
    private: bool


class Sender:
    """Sends webhooks over pooled connections, from any number of event loops.

    It opens as many as are asked for at a time. `tls` replaces the default context.
    """

    def __init__(
        self,
        allowed: Networks = (),
        own: Own = frozenset(),
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed = allowed
        self._own = own
        self._resolve = resolve or _addresses
        self._tls = tls
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}

    async def send(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_seconds: float = 15,
    ) -> Answer:
        """Post the body and tell what came of it; a fault is told too, never raised.

        Nothing is sent twice: a connection that is lost once the request may have been read
        leaves open whether it was acted on. The schedule of deliveries tries again, with the id
        by which a receiver knows what it had.
        """
        begun = time.monotonic()
        course = _Course()
        token = _course.set(course)
        try:
            error = self._refusal(url, headers)
            if error is None:
                async with asyncio.timeout(timeout_seconds):
                    await self._post(url, headers, body, course)
        except TimeoutError:
            error = f"No {course.awaited} within {timeout_seconds:g} s."
        except Exception as fault:  # noqa: BLE001 - hostile input: whatever it brings about is told
            error = course.refusal or _sentence(fault, course)
        finally:
            _course.reset(token)
        return Answer(
            status=course.status,
            body=bytes(course.body),
            retry_after=course.retry_after,
            error=error,
            duration_seconds=time.monotonic() - begun,
            address=course.address,
            private=course.address is not None and is_private(course.address),
        )

    async def close(self) -> None:
        """Close the connections of the running loop; sending again opens new ones."""
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()

    def _refusal(self, url: str, headers: Mapping[str, str]) -> str | None:
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name):
                return f"The header name {name!r} has a character that no header may have."
            if not (value.isascii() and value.isprintable()):
                return f"The header {name} has a character that no header may have."
        return refusal_of_url(url, self._allowed, self._own)

    async def _post(
        self, url: str, headers: Mapping[str, str], body: bytes, course: "_Course"
    ) -> None:
        chosen = {name.lower() for name in _OWN_HEADERS}
        response = await self._session().post(
            url,
            data=body,
            headers={name: value for name, value in headers.items() if name.lower() not in chosen},
            allow_redirects=False,
        )
        try:
            course.status = response.status
            course.retry_after = response.headers.get("Retry-After")
            read = 0
            while read < READ_BYTES and (part := await response.content.read(READ_BYTES - read)):
                read += len(part)
                course.body += part[: KEPT_BYTES - len(course.body)]
        finally:
            # Of an answer read to its end the connection is back in the pool; any other is dropped.
            response.close()

    def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None:
            for other in [known for known in self._sessions if known.is_closed()]:
                del self._sessions[other]
            session = self._sessions[loop] = aiohttp.ClientSession(
                connector=_Connector(
                    resolver=_Resolver(self._checked),
                    socket_factory=self._socket,
                    use_dns_cache=False,
                    ssl=self._tls or True,
                    limit=0,
                    keepalive_timeout=_IDLE_SECONDS,
                ),
                headers=_OWN_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                # `send` bounds the whole; aiohttp's own bounds would round up.
                timeout=aiohttp.ClientTimeout(),
            )
        return session

    async def _checked(self, host: str, port: int) -> list[str]:
        try:
            found = await self._resolve(host, port)
        except UnicodeError as error:
            raise OSError(str(error)) from error
        if not found:
            raise OSError("no address")
        for address in found:
            self._judge(address, port)
        return list(dict.fromkeys(found))

    def _socket(self, info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, place = info
        self._judge(place[0], place[1])
        return socket.socket(family, kind, protocol)

    def _judge(self, address: str, port: int) -> None:
        reason = refusal(address, port, self._allowed, self._own)
        if reason is not None:
            # aiohttp wraps and joins errors; the sentence is kept beside them.
            _course.get().refusal = reason
            raise _RefusedError(reason)


def addresses_of_this_machine() -> frozenset[str]:
    """The addresses of its network interfaces, without zones: the stack's own are among them."""
    return frozenset(
        found.address.partition("%")[0]
        for interface in psutil.net_if_addrs().values()
        for found in interface
        if found.family in (socket.AF_INET, socket.AF_INET6)
    )


class _RefusedError(OSError):
    """An address that may not be connected to. aiohttp passes on OSError alone."""


@dataclass
class _Course:
    """How far a sending has come."""

    status: int | None = None
    retry_after: str | None = None
    refusal: str | None = None
    address: str | None = None
    body: bytearray = field(default_factory=bytearray)

    @property
    def awaited(self) -> str:
        if self.address is None:
            return "connection"
        return "answer" if self.status is None else "end of the answer"


#: Of the sending at work in this task: aiohttp tells neither the connector nor the socket's maker
#: for which request it calls them, and gives no address once the connection is lost.
_course: ContextVar[_Course] = ContextVar("course")


class _Resolver(AbstractResolver):
    def __init__(self, checked: Callable[[str, int], Awaitable[list[str]]]) -> None:
        self._checked = checked

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        del family  # the connector is given none, so it asks for both
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in await self._checked(host, port)
        ]

    async def close(self) -> None:
        """Nothing is held."""


class _Connector(aiohttp.TCPConnector):
    """Gives out no idle connection on which something has come: its server's end, most likely.

    aiohttp notices an end only when its loop reads it, and then sends no POST a second time: it
    can't know what the server read. Here nothing has been written yet, so another connection may
    safely be taken. A server that ends it later still, while the request is on its way, is told
    as an error.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._used: WeakSet[object] = WeakSet()

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's name
    ) -> Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol, transport = connection.protocol, connection.transport
            assert protocol is not None  # it is released by the request alone
            if protocol not in self._used or not (
                transport is None or protocol.should_close or _has_input(transport)
            ):
                break
            connection.close()
        self._used.add(protocol)
        if transport is not None and (peer := transport.get_extra_info("peername")):
            _course.get().address = peer[0]
        return connection


def _has_input(transport: asyncio.Transport) -> bool:
    """Whether something, or the end, has come that the loop hasn't read yet."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


async def _addresses(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


#: The first that fits; `{awaited}` is what hadn't come.
_SENTENCES: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientConnectorSSLError, "No TLS connection could be made."),
    (aiohttp.ClientConnectorDNSError, "The name can't be resolved."),
    (aiohttp.ClientConnectorError, "No connection could be made."),
    (aiohttp.ClientResponseError, "The answer is not valid HTTP, or its headers are too long."),
    (aiohttp.ClientPayloadError, "The answer's body is cut short or not valid HTTP."),
    (aiohttp.ClientConnectionError, "The connection was closed before the {awaited} came."),
)


def _sentence(fault: Exception, course: _Course) -> str:
    """What went wrong, for the person whose endpoint it is."""
    if isinstance(fault, aiohttp.ClientConnectorCertificateError):
        reason = getattr(fault.certificate_error, "verify_message", "it can't be verified")
        return f"The certificate is not valid: {reason.rstrip('.')}."
    if isinstance(fault, aiohttp.ClientConnectorError) and isinstance(
        fault.os_error, ConnectionRefusedError
    ):
        return "The connection was refused."
    for kind, sentence in _SENTENCES:
        if isinstance(fault, kind):
            return sentence.format(awaited=course.awaited)
    return f"It could not be sent ({type(fault).__name__})."
