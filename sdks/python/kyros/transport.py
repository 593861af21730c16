"""The two ways to wait for the network.

Everything above this file is written once, as coroutines. With `Awaiting` an event loop runs them.
With `Blocking` nothing in them ever suspends, so they are run to their end where they stand.
"""

import asyncio
import functools
import time
from typing import (
    Any,
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Iterator,
    TypeVar,
    Union,
)

import httpx

from kyros.blocking import each, finish
from kyros.pages import AsyncPages, Pages

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

#: A stream holds its connection as long as its task lasts: no other call is to wait for that.
_UNCOUNTED = httpx.Limits(max_connections=None, max_keepalive_connections=0)


class Blocking:
    """Sends over a pool of connections that threads share, and blocks the calling one."""

    def __init__(self, **options: Any) -> None:
        self.http = httpx.Client(**options)
        self._streams = httpx.Client(**{**options, "limits": _UNCOUNTED})

    async def send(self, request: httpx.Request, end: float) -> httpx.Response:
        """The whole answer; raises httpx.ReadTimeout where it goes on after `end`."""
        response = self.http.send(request, stream=True)
        response.stream = _Ending(response.stream, end)
        try:
            response.read()
        finally:
            response.close()
        return response

    async def open(self, request: httpx.Request) -> httpx.Response:
        """The answer over a connection of its own; its body is still to be read."""
        return self._streams.send(request, stream=True)

    async def read(self, response: httpx.Response) -> None:
        """Reads the body of an answer that was opened."""
        response.read()

    async def chunks(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        """The body as it comes."""
        for chunk in response.iter_bytes():
            yield chunk

    async def leave(self, response: httpx.Response) -> None:
        """Gives up an answer that was opened."""
        response.close()

    async def pause(self, seconds: float) -> None:
        """Sleeps."""
        time.sleep(seconds)  # noqa: ASYNC251 - no event loop runs this

    async def close(self) -> None:
        """Closes all connections."""
        self.http.close()
        self._streams.close()

    def method(self, does: Callable[..., Coroutine[Any, Any, T]]) -> Callable[..., T]:
        """A coroutine function as one that blocks."""
        return _composed(finish, does)

    def iterator(self, does: Callable[..., AsyncGenerator[T, None]]) -> Callable[..., Iterator[T]]:
        """An asynchronous generator function as one that blocks."""
        return _composed(each, does)

    def listing(self, does: Callable[..., AsyncPages[T]]) -> Callable[..., Pages[T]]:
        """What gives pages, as what gives pages that block."""
        return _composed(Pages, does)


class Awaiting:
    """Sends over a pool of connections that the tasks of an event loop share."""

    def __init__(self, **options: Any) -> None:
        self.http = httpx.AsyncClient(**options)
        self._streams = httpx.AsyncClient(**{**options, "limits": _UNCOUNTED})

    async def send(self, request: httpx.Request, end: float) -> httpx.Response:
        """The whole answer; raises httpx.ReadTimeout where it goes on after `end`."""
        response = await self.http.send(request, stream=True)
        response.stream = _Ending(response.stream, end)
        try:
            await response.aread()
        finally:
            await response.aclose()
        return response

    async def open(self, request: httpx.Request) -> httpx.Response:
        """The answer over a connection of its own; its body is still to be read."""
        return await self._streams.send(request, stream=True)

    async def read(self, response: httpx.Response) -> None:
        """Reads the body of an answer that was opened."""
        await response.aread()

    async def chunks(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        """The body as it comes."""
        async for chunk in response.aiter_bytes():
            yield chunk

    async def leave(self, response: httpx.Response) -> None:
        """Gives up an answer that was opened."""
        await response.aclose()

    async def pause(self, seconds: float) -> None:
        """Lets other tasks run meanwhile."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Closes all connections."""
        await self.http.aclose()
        await self._streams.aclose()

    def method(self, does: F) -> F:
        """A coroutine function is what it is."""
        return does

    iterator = listing = method


Transport = Union[Blocking, Awaiting]


class _Ending(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that is to be there by a moment (`time.monotonic()`), however it trickles."""

    def __init__(self, body: Any, end: float) -> None:
        self._body = body
        self._end = end

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._body:
            self._check()
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            self._check()
            yield chunk

    def close(self) -> None:
        self._body.close()

    async def aclose(self) -> None:
        await self._body.aclose()

    def _check(self) -> None:
        if time.monotonic() > self._end:
            raise httpx.ReadTimeout("The body goes on.")


def _composed(way: Callable[[Any], T], does: Callable[..., Any]) -> Callable[..., T]:
    @functools.wraps(does)
    def call(*arguments: Any, **options: Any) -> T:
        return way(does(*arguments, **options))

    return call
