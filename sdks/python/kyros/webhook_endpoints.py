"""`client.webhooks`: who is told what happens. To verify what is received: `kyros.webhooks`."""

from typing import Optional, Sequence

from kyros.address import segment
from kyros.method import listing, method
from kyros.models.access import Delivery, Replay, Webhook
from kyros.pages import AsyncPages
from kyros.resource import K, Moment, Resource


class WebhookEndpoints(Resource[K]):
    """Have endpoints told what happens, and see what they were told."""

    @method
    async def create(
        self,
        url: str,
        events: Sequence[str],
        *,
        secret: Optional[str] = None,
        description: Optional[str] = None,
        enabled: Optional[bool] = None,
        idempotency_key: Optional[str] = None,
    ) -> Webhook:
        """Makes a webhook; its `secret`, made by the API when absent, is shown this once.

        It is None when the answer that held it was lost on the way: `rotate_secret` makes another.
        """
        body = {
            "url": url,
            "events": events,
            "secret": secret,
            "description": description,
            "enabled": enabled,
        }
        return await self._post(Webhook, "/webhooks", body, idempotency_key)

    @listing
    def list(
        self, *, limit: Optional[int] = None, cursor: Optional[str] = None
    ) -> AsyncPages[Webhook]:
        """The webhooks, newest first."""
        return self._list(Webhook, "/webhooks", "webhooks", limit, cursor)

    @method
    async def get(self, webhook_id: str) -> Webhook:
        """One webhook, without its secret."""
        return await self._get(Webhook, _path(webhook_id))

    @method
    async def update(
        self,
        webhook_id: str,
        *,
        url: Optional[str] = None,
        events: Optional[Sequence[str]] = None,
        description: Optional[str] = None,
        enabled: Optional[bool] = None,
    ) -> Webhook:
        """Changes what is given; enabling it sends what was held."""
        body = {"url": url, "events": events, "description": description, "enabled": enabled}
        return await self._patch(Webhook, _path(webhook_id), body)

    @method
    async def delete(self, webhook_id: str) -> Webhook:
        """Deletes it; gives it as it was."""
        return await self._delete(Webhook, _path(webhook_id))

    @method
    async def rotate_secret(
        self, webhook_id: str, *, idempotency_key: Optional[str] = None
    ) -> Webhook:
        """Makes a new `secret`; the old one signs beside it until `activate_secret`.

        It is None when the answer that held it was lost on the way: rotate again.
        """
        return await self._post(Webhook, f"{_path(webhook_id)}/rotate-secret", {}, idempotency_key)

    @method
    async def activate_secret(
        self, webhook_id: str, *, idempotency_key: Optional[str] = None
    ) -> Webhook:
        """Has the new secret sign alone. Raises ConflictError when there is none."""
        path = f"{_path(webhook_id)}/activate-secret"
        return await self._post(Webhook, path, {}, idempotency_key)

    @method
    async def test(self, webhook_id: str, *, idempotency_key: Optional[str] = None) -> Delivery:
        """Sends `{"type": "test", "data": {}}`."""
        return await self._post(Delivery, f"{_path(webhook_id)}/test", {}, idempotency_key)

    @listing
    def list_deliveries(
        self, webhook_id: str, *, limit: Optional[int] = None, cursor: Optional[str] = None
    ) -> AsyncPages[Delivery]:
        """What was sent or is to be sent, newest first, with every attempt."""
        path = f"{_path(webhook_id)}/deliveries"
        return self._list(Delivery, path, "deliveries", limit, cursor)

    @method
    async def redeliver(
        self, webhook_id: str, delivery_id: str, *, idempotency_key: Optional[str] = None
    ) -> Delivery:
        """Sends one delivery again, under the same id."""
        delivery = segment("delivery_id", delivery_id)
        path = f"{_path(webhook_id)}/deliveries/{delivery}/redeliver"
        return await self._post(Delivery, path, {}, idempotency_key)

    @method
    async def replay(
        self, webhook_id: str, since: Moment, *, idempotency_key: Optional[str] = None
    ) -> Replay:
        """Sends everything since a moment again, under the same ids."""
        path = f"{_path(webhook_id)}/replay"
        return await self._post(Replay, path, {"since": since}, idempotency_key)


def _path(webhook_id: str) -> str:
    return f"/webhooks/{segment('webhook_id', webhook_id)}"
