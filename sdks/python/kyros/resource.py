"""What every resource builds on: a few verbs over the API."""

from datetime import datetime
from typing import Any, Callable, Dict, Generic, List, Mapping, Optional, Type, TypeVar, Union

from kyros.api import Api, Call
from kyros.models.model import Model
from kyros.pages import AsyncPages, Page
from kyros.transport import Transport

K = TypeVar("K", bound=Transport)
M = TypeVar("M", bound=Model)

#: A moment: a datetime with its zone, or the text of one (RFC 3339).
Moment = Union[datetime, str]


class Resource(Generic[K]):
    """A part of the API, through a client that waits for the network in the way K."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def _get(self, model: Type[M], path: str, query: Optional[Mapping[str, Any]] = None) -> M:
        return await self.api.call(Call("GET", path, query or {}), model.read)

    async def _post(
        self,
        model: Type[M],
        path: str,
        body: Mapping[str, Any],
        idempotency_key: Optional[str] = None,
    ) -> M:
        call = Call("POST", path, body=given(body), idempotency_key=idempotency_key)
        return await self.api.call(call, model.read)

    async def _patch(self, model: Type[M], path: str, body: Mapping[str, Any]) -> M:
        return await self.api.call(Call("PATCH", path, body=given(body)), model.read)

    async def _delete(self, model: Type[M], path: str) -> M:
        return await self.api.call(Call("DELETE", path), model.read)

    def _list(
        self,
        model: Type[M],
        path: str,
        plural: str,
        limit: Optional[int],
        cursor: Optional[str],
        **filters: Any,
    ) -> AsyncPages[M]:
        reads = _page(model, plural)

        async def fetch(cursor: Optional[str]) -> Page[M]:
            query = {**filters, "limit": limit, "cursor": cursor}
            return await self.api.call(Call("GET", path, query), reads)

        return AsyncPages(fetch, cursor)


def given(fields: Mapping[str, Any]) -> Dict[str, Any]:
    """The fields that are given: None is absent."""
    return {name: value for name, value in fields.items() if value is not None}


def rfc3339(moment: Optional[Moment]) -> Optional[str]:
    """A moment as the API reads it."""
    return moment.isoformat() if isinstance(moment, datetime) else moment


def _page(model: Type[M], plural: str) -> Callable[[Any], Page[M]]:
    def reads(data: Any) -> Page[M]:
        items: List[M] = [model.read(item) for item in data[plural]]
        return Page(items, data.get("next_cursor"), has_more=bool(data.get("has_more")))

    return reads
