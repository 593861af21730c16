"""`client.api_keys`: the credentials of programs. All of it needs the permission `admin`."""

from decimal import Decimal
from typing import Optional, Sequence, Union

from kyros.address import segment
from kyros.method import listing, method
from kyros.models.access import ApiKey
from kyros.pages import AsyncPages
from kyros.resource import K, Moment, Resource


class ApiKeys(Resource[K]):
    """Make, change, rotate and revoke API keys."""

    @method
    async def create(
        self,
        name: str,
        permissions: Sequence[str],
        *,
        mode: Optional[str] = None,
        expires_at: Optional[Moment] = None,
        rate_limit: Optional[int] = None,
        day_budget_usd: Optional[Union[Decimal, float]] = None,
        idempotency_key: Optional[str] = None,
    ) -> ApiKey:
        """Makes a key. `key`, the secret, is shown this once.

        It is None when the answer that held it was lost on the way: `rotate` makes another.
        `rate_limit` is in requests a minute, `day_budget_usd` in USD on a day (UTC).
        """
        body = {
            "name": name,
            "permissions": permissions,
            "mode": mode,
            "expires_at": expires_at,
            "rate_limit": rate_limit,
            "day_budget_usd": day_budget_usd,
        }
        return await self._post(ApiKey, "/api-keys", body, idempotency_key)

    @listing
    def list(
        self, *, limit: Optional[int] = None, cursor: Optional[str] = None
    ) -> AsyncPages[ApiKey]:
        """The keys of the caller's mode, newest first."""
        return self._list(ApiKey, "/api-keys", "api_keys", limit, cursor)

    @method
    async def get(self, key_id: str) -> ApiKey:
        """One key's record."""
        return await self._get(ApiKey, _path(key_id))

    @method
    async def update(
        self,
        key_id: str,
        *,
        name: Optional[str] = None,
        permissions: Optional[Sequence[str]] = None,
        expires_at: Optional[Moment] = None,
        rate_limit: Optional[int] = None,
        day_budget_usd: Optional[Union[Decimal, float]] = None,
        remove: Optional[Sequence[str]] = None,
    ) -> ApiKey:
        """Changes what is given; `remove` names what the key is to have no more.

        That is any of `expires_at`, `rate_limit` and `day_budget_usd`.
        """
        body = {
            "name": name,
            "permissions": permissions,
            "expires_at": expires_at,
            "rate_limit": rate_limit,
            "day_budget_usd": day_budget_usd,
            "remove": remove,
        }
        return await self._patch(ApiKey, _path(key_id), body)

    @method
    async def rotate(
        self,
        key_id: str,
        overlap_seconds: Optional[int] = None,
        *,
        idempotency_key: Optional[str] = None,
    ) -> ApiKey:
        """Replaces a key's secret; the new one, `key`, is shown this once.

        The secret before stays good for so many seconds more, a day by default. `key` is None when
        the answer that held it was lost on the way. Rotating again then ends the secret before the
        lost one at once: where that one is in use, rather `create` another key.
        """
        body = {"overlap_seconds": overlap_seconds}
        return await self._post(ApiKey, f"{_path(key_id)}/rotate", body, idempotency_key)

    @method
    async def revoke(self, key_id: str) -> ApiKey:
        """Revokes a key: it is refused from then on."""
        return await self._delete(ApiKey, _path(key_id))


def _path(key_id: str) -> str:
    return f"/api-keys/{segment('key_id', key_id)}"
