"""What a resource offers: written once as coroutines, given in the client's own way.

A checker of types sees, of `async def get(self, task_id: str) -> Task` under `@method`, a function
that gives a Task on a KyrosClient, and a coroutine function on an AsyncKyrosClient.
"""

import functools
from typing import TYPE_CHECKING, Any, AsyncGenerator, Callable, Coroutine, Generic, Iterator

if TYPE_CHECKING:
    from typing import TypeVar, overload

    from typing_extensions import Concatenate, ParamSpec

    from kyros.pages import AsyncPages, Pages
    from kyros.resource import Resource
    from kyros.transport import Awaiting, Blocking

    P = ParamSpec("P")
    T = TypeVar("T")

    class method(Generic[P, T]):  # noqa: N801 - a decorator
        """For a coroutine function."""

        def __init__(self, does: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> None: ...
        @overload
        def __get__(self, of: Resource[Blocking], owner: Any) -> Callable[P, T]: ...
        @overload
        def __get__(
            self, of: Resource[Awaiting], owner: Any
        ) -> Callable[P, Coroutine[Any, Any, T]]: ...
        def __get__(self, of: Any, owner: Any) -> Any: ...

    class iterator(Generic[P, T]):  # noqa: N801 - a decorator
        """For an asynchronous generator function."""

        def __init__(
            self, does: Callable[Concatenate[Any, P], AsyncGenerator[T, None]]
        ) -> None: ...
        @overload
        def __get__(self, of: Resource[Blocking], owner: Any) -> Callable[P, Iterator[T]]: ...
        @overload
        def __get__(
            self, of: Resource[Awaiting], owner: Any
        ) -> Callable[P, AsyncGenerator[T, None]]: ...
        def __get__(self, of: Any, owner: Any) -> Any: ...

    class listing(Generic[P, T]):  # noqa: N801 - a decorator
        """For a function that gives the pages of a list."""

        def __init__(self, does: Callable[Concatenate[Any, P], AsyncPages[T]]) -> None: ...
        @overload
        def __get__(self, of: Resource[Blocking], owner: Any) -> Callable[P, Pages[T]]: ...
        @overload
        def __get__(self, of: Resource[Awaiting], owner: Any) -> Callable[P, AsyncPages[T]]: ...
        def __get__(self, of: Any, owner: Any) -> Any: ...

else:
    # Python 3.8 has no ParamSpec, and all three do the same: the transport knows its way.

    class _Bound:
        def __init__(self, kind: str, does: Callable[..., Any]) -> None:
            self._kind = kind
            self._does = does

        def __set_name__(self, owner: type, name: str) -> None:
            self._name = name

        def __get__(self, of: Any, owner: Any = None) -> Any:
            if of is None:
                return self._does
            adapt = getattr(of.api.transport, self._kind)
            # Found first from now on.
            of.__dict__[self._name] = bound = adapt(self._does.__get__(of))
            return bound

    method = functools.partial(_Bound, "method")
    iterator = functools.partial(_Bound, "iterator")
    listing = functools.partial(_Bound, "listing")
