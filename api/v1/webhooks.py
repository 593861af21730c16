"""`/v1/webhooks`: who is told what, and what came of telling them."""

from typing import Literal

from flask import Response
from pydantic import BaseModel, Field

from api.answer import success
from api.caller import actor, caller, requires
from api.documentation import IDEMPOTENT, WITH_BODY, api_blueprint, responses
from api.idempotency import Made, once
from api.request_id import request_id
from kyros_worker import cursor
from kyros_worker.auth.subject import Mode
from kyros_worker.database import read, transaction
from kyros_worker.schemas import NoBody, Page
from kyros_worker.webhook import endpoints
from kyros_worker.webhook.queries import list_deliveries
from kyros_worker.webhook.schemas import ChangedWebhook, NewWebhook, Since
from kyros_worker.words import EventName

blueprint = api_blueprint("webhooks", __name__, "Endpoints that are told what happens.")


class WebhookRecord(BaseModel):
    """An endpoint. Every field is always present."""

    id: str
    mode: Mode
    url: str
    events: list[EventName]
    description: str
    enabled: bool
    disabled_reason: str | None
    secret_pending_since: str | None = Field(description="Since when two secrets sign.")
    created_by: str
    created_at: str
    updated_at: str


class WebhookWithSecret(WebhookRecord):
    """An endpoint whose secret was just made."""

    secret: str | None = Field(description="This once; null when replayed.")
    standard_secret: str | None = Field(
        description="The same in the form that Standard Webhooks libraries take; this once."
    )


class WebhookPage(BaseModel):
    """A page of endpoints, newest first."""

    webhooks: list[WebhookRecord]
    next_cursor: str | None
    has_more: bool


class DeliveryAttempt(BaseModel):
    """One try, and what came of it."""

    number: int
    at: str
    duration_seconds: float
    headers: dict[str, str] = Field(description="What was sent beside the body.")
    status_code: int | None
    answer: str | None = Field(description="The first 4 KiB.")
    error: str | None


class DeliveryRecord(BaseModel):
    """One event on its way to one endpoint."""

    id: str
    webhook_id: str
    event_id: str = Field(description="The `webhook-id`, the same at every try.")
    event_type: str
    task_id: str | None
    status: Literal["pending", "sending", "retrying", "held", "delivered", "exhausted", "overtaken"]
    body: str = Field(description="The bytes that are signed and sent.")
    attempts: list[DeliveryAttempt]
    next_attempt_at: str | None
    created_at: str
    delivered_at: str | None


class DeliveryPage(BaseModel):
    """A page of deliveries, newest first."""

    deliveries: list[DeliveryRecord]
    next_cursor: str | None
    has_more: bool


class Replayed(BaseModel):
    """What is sent again."""

    id: str
    since: str
    deliveries: int


class WebhookPath(BaseModel):
    """Which endpoint."""

    webhook_id: str = Field(description="`whk_…`")


class DeliveryPath(WebhookPath):
    """Which delivery."""

    delivery_id: str = Field(description="`dlv_…`")


_SECRETS = ("secret", "standard_secret")


@blueprint.post(
    "/webhooks",
    responses=responses(WebhookWithSecret, 201, 409, *WITH_BODY),
    openapi_extensions=IDEMPOTENT,
)
@requires("webhooks:manage")
def create_webhook(body: NewWebhook) -> Response:
    """Make an endpoint. The answer holds its secret, this once."""
    who, acting = caller(), actor()
    return once(
        lambda connection: Made(
            endpoints.create_webhook(connection, body, who, acting), secret_fields=_SECRETS
        )
    )


@blueprint.get("/webhooks", responses=responses(WebhookPage))
@requires("webhooks:manage")
def get_webhooks(query: Page) -> Response:
    """List endpoints, newest first."""
    scope = f"webhooks {caller().mode}"
    after = cursor.decode(query.cursor, scope) if query.cursor else None
    with read() as connection:
        found = endpoints.list_webhooks(connection, caller().mode, query.limit + 1, after)
    return success(cursor.page("webhooks", found, query.limit, scope))


@blueprint.get("/webhooks/<webhook_id>", responses=responses(WebhookRecord, 200, 404))
@requires("webhooks:manage")
def get_webhook(path: WebhookPath) -> Response:
    """Get an endpoint."""
    with read() as connection:
        return success(endpoints.find_webhook(connection, path.webhook_id, caller().mode))


@blueprint.patch("/webhooks/<webhook_id>", responses=responses(WebhookRecord, 200, 404, *WITH_BODY))
@requires("webhooks:manage")
def change_webhook(path: WebhookPath, body: ChangedWebhook) -> Response:
    """Change an endpoint. Enabled again it gets what was held meanwhile."""
    with transaction() as connection:
        mode = caller().mode
        return success(endpoints.change_webhook(connection, path.webhook_id, body, mode, actor()))


@blueprint.delete("/webhooks/<webhook_id>", responses=responses(WebhookRecord, 200, 404))
@requires("webhooks:manage")
def delete_webhook(path: WebhookPath) -> Response:
    """Delete an endpoint: nothing is sent to it any more."""
    with transaction() as connection:
        return success(
            endpoints.delete_webhook(connection, path.webhook_id, caller().mode, actor())
        )


@blueprint.post(
    "/webhooks/<webhook_id>/rotate-secret",
    responses=responses(WebhookWithSecret, 200, 404, 409, *WITH_BODY),
    openapi_extensions=IDEMPOTENT,
)
@requires("webhooks:manage")
def rotate_secret(path: WebhookPath, body: NoBody) -> Response:  # noqa: ARG001
    """Make a new secret, pending: both sign until it is activated, for 24 hours at most."""
    mode, acting = caller().mode, actor()
    return once(
        lambda connection: Made(
            endpoints.rotate_secret(connection, path.webhook_id, mode, acting),
            status=200,
            secret_fields=_SECRETS,
        )
    )


@blueprint.post(
    "/webhooks/<webhook_id>/activate-secret",
    responses=responses(WebhookRecord, 200, 404, 409, *WITH_BODY),
    openapi_extensions=IDEMPOTENT,
)
@requires("webhooks:manage")
def activate_secret(path: WebhookPath, body: NoBody) -> Response:  # noqa: ARG001
    """Have the pending secret sign alone."""
    mode, acting = caller().mode, actor()
    return once(
        lambda connection: Made(
            endpoints.activate_secret(connection, path.webhook_id, mode, acting), status=200
        )
    )


@blueprint.post(
    "/webhooks/<webhook_id>/test",
    responses=responses(DeliveryRecord, 201, 404, 409, *WITH_BODY),
    openapi_extensions=IDEMPOTENT,
)
@requires("webhooks:manage")
def send_test(path: WebhookPath, body: NoBody) -> Response:  # noqa: ARG001
    """Send the test event, signed; its delivery is in the log like any other."""
    mode, asked_by = caller().mode, request_id()
    return once(
        lambda connection: Made(
            endpoints.send_test(connection, path.webhook_id, mode, request_id=asked_by)
        )
    )


@blueprint.get("/webhooks/<webhook_id>/deliveries", responses=responses(DeliveryPage, 200, 404))
@requires("webhooks:manage")
def get_deliveries(path: WebhookPath, query: Page) -> Response:
    """List the deliveries of an endpoint with every attempt, newest first."""
    scope = f"deliveries {path.webhook_id}"
    after = cursor.decode(query.cursor, scope) if query.cursor else None
    with read() as connection:
        endpoints.find_webhook(connection, path.webhook_id, caller().mode)
        found = list_deliveries(connection, path.webhook_id, query.limit + 1, after)
    return success(cursor.page("deliveries", found, query.limit, scope))


@blueprint.post(
    "/webhooks/<webhook_id>/deliveries/<delivery_id>/redeliver",
    responses=responses(DeliveryRecord, 200, 404, 409, *WITH_BODY),
    openapi_extensions=IDEMPOTENT,
)
@requires("webhooks:manage")
def redeliver(path: DeliveryPath, body: NoBody) -> Response:  # noqa: ARG001
    """Send a delivery again at once, with the same `webhook-id`."""
    mode = caller().mode
    return once(
        lambda connection: Made(
            endpoints.redeliver(connection, path.webhook_id, path.delivery_id, mode), status=200
        )
    )


@blueprint.post(
    "/webhooks/<webhook_id>/replay",
    responses=responses(Replayed, 200, 404, 409, *WITH_BODY),
    openapi_extensions=IDEMPOTENT,
)
@requires("webhooks:manage")
def replay(path: WebhookPath, body: Since) -> Response:
    """Send everything since a time again, each with the same `webhook-id`."""
    mode, acting = caller().mode, actor()
    return once(
        lambda connection: Made(
            endpoints.replay(connection, path.webhook_id, body.since, mode, acting), status=200
        )
    )
