"""Runs coroutines that never suspend to their end, where they stand, without an event loop."""

from typing import Any, AsyncGenerator, Coroutine, Iterator, TypeVar

T = TypeVar("T")


def finish(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives. Raises RuntimeError when it suspends after all."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise RuntimeError("A blocking client can't await: use AsyncKyrosClient for coroutines.")


def each(items: AsyncGenerator[T, None]) -> Iterator[T]:
    """The items of an asynchronous generator."""
    try:
        while True:
            try:
                item = finish(_next(items))
            except StopAsyncIteration:
                return
            yield item
    finally:
        finish(_close(items))


async def _next(items: AsyncGenerator[T, None]) -> T:
    return await items.__anext__()


async def _close(items: AsyncGenerator[Any, None]) -> None:
    await items.aclose()
