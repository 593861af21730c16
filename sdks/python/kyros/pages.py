"""Lists that the API answers page by page, newest first."""

from typing import (
    Any,
    AsyncGenerator,
    Callable,
    Coroutine,
    Generic,
    Iterator,
    List,
    Optional,
    TypeVar,
)

from kyros.blocking import each

T = TypeVar("T")


class Page(Generic[T]):
    """A part of a list; `next_cursor` is where the next part begins, None at the end."""

    def __init__(self, items: List[T], next_cursor: Optional[str], *, has_more: bool) -> None:
        self.items = items
        self.next_cursor = next_cursor
        self.has_more = has_more

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


class AsyncPages(Generic[T]):
    """A list: `async for item in it` goes over all items, and asks for a page when it is reached.

    Each loop begins at the beginning again.
    """

    def __init__(
        self,
        fetch: Callable[[Optional[str]], Coroutine[Any, Any, Page[T]]],
        cursor: Optional[str] = None,
    ) -> None:
        self._fetch = fetch
        self._cursor = cursor

    async def pages(self) -> AsyncGenerator[Page[T], None]:
        """The pages; keep a `next_cursor` to go on from there another day."""
        cursor = self._cursor
        while True:
            page = await self._fetch(cursor)
            yield page
            if not page.has_more or page.next_cursor is None:
                return
            cursor = page.next_cursor

    async def __aiter__(self) -> AsyncGenerator[T, None]:
        async for page in self.pages():
            for item in page:
                yield item


class Pages(Generic[T]):
    """A list: `for item in it` goes over all items, and asks for a page when it is reached.

    Each loop begins at the beginning again.
    """

    def __init__(self, pages: AsyncPages[T]) -> None:
        self._pages = pages

    def pages(self) -> Iterator[Page[T]]:
        """The pages; keep a `next_cursor` to go on from there another day."""
        return each(self._pages.pages())

    def __iter__(self) -> Iterator[T]:
        return each(self._pages.__aiter__())
