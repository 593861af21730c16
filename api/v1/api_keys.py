"""`/v1/api-keys`: what admins do with keys.

A caller sees and changes the keys of its own mode only, live admins too: what is in test mode is
seen by test keys alone (contract, "Test mode"). Both are one `kyros keys` away for the operator.
"""

from flask import Response
from pydantic import BaseModel, Field

from api.answer import success
from api.caller import actor, caller, requires
from api.documentation import IDEMPOTENT, WITH_BODY, api_blueprint, responses
from api.idempotency import Made, once
from kyros_worker import cursor
from kyros_worker.auth.change import change
from kyros_worker.auth.create import create, refuse_mode
from kyros_worker.auth.queries import find, newest
from kyros_worker.auth.revoke import revoke
from kyros_worker.auth.rotate import rotate
from kyros_worker.auth.schemas import ChangedApiKey, NewApiKey, Rotation
from kyros_worker.auth.subject import Mode, Permission
from kyros_worker.database import read, transaction
from kyros_worker.schemas import Page

blueprint = api_blueprint("api-keys", __name__, "The credentials of programs.")


class ApiKeyRecord(BaseModel):
    """A key as people see it."""

    id: str
    name: str
    prefix: str = Field(description="The key's first characters.")
    mode: Mode
    permissions: list[Permission]
    rate_limit: int | None = Field(
        description="Requests a minute; null for the deployment's own limit."
    )
    day_budget_usd: float | None = Field(
        description="USD that its tasks may cost on a day (UTC); null for the deployment's limit."
    )
    created_by: str
    created_at: str
    expires_at: str | None
    previous_expires_at: str | None = Field(
        description="Until when the secret before is good; null when none is."
    )
    last_used_at: str | None = Field(description="To the minute.")
    revoked_at: str | None


class ApiKeyWithSecret(ApiKeyRecord):
    """A key whose secret was just made."""

    key: str | None = Field(description="The secret, this once; null when replayed.")


class ApiKeys(BaseModel):
    """A page of keys, newest first."""

    api_keys: list[ApiKeyRecord]
    next_cursor: str | None
    has_more: bool


class ApiKeyPath(BaseModel):
    """Which key."""

    key_id: str = Field(description="`key_…`")


_SECRET = ("key",)


@blueprint.post(
    "/api-keys",
    responses=responses(ApiKeyWithSecret, 201, 409, *WITH_BODY),
    openapi_extensions=IDEMPOTENT,
)
@requires("admin")
def create_api_key(body: NewApiKey) -> Response:
    """Make an API key.

    The answer holds the key, this once. A live key is made by a live admin.
    """
    maker, mode = actor(), body.mode or caller().mode
    refuse_mode(caller(), mode)
    fields = body.model_dump(exclude={"mode"}) | {"mode": mode}
    return once(lambda connection: Made(create(connection, maker, **fields), secret_fields=_SECRET))


@blueprint.get("/api-keys", responses=responses(ApiKeys))
@requires("admin")
def list_api_keys(query: Page) -> Response:
    """List the API keys of the caller's mode, newest first."""
    scope = f"api-keys {caller().mode}"
    after = cursor.decode(query.cursor, scope) if query.cursor else None
    with read() as connection:
        found = newest(connection, caller().mode, query.limit + 1, after)
    return success(cursor.page("api_keys", found, query.limit, scope))


@blueprint.get("/api-keys/<key_id>", responses=responses(ApiKeyRecord, 200, 404))
@requires("admin")
def get_api_key(path: ApiKeyPath) -> Response:
    """Get an API key's record."""
    with read() as connection:
        return success(find(connection, path.key_id, caller().mode))


@blueprint.patch("/api-keys/<key_id>", responses=responses(ApiKeyRecord, 200, 404, 409, *WITH_BODY))
@requires("admin")
def change_api_key(path: ApiKeyPath, body: ChangedApiKey) -> Response:
    """Change what an API key may do; it counts everywhere within two seconds."""
    with transaction() as connection:
        return success(change(connection, actor(), path.key_id, body, caller().mode))


@blueprint.post(
    "/api-keys/<key_id>/rotate",
    responses=responses(ApiKeyWithSecret, 200, 404, 409, *WITH_BODY),
    openapi_extensions=IDEMPOTENT,
)
@requires("admin")
def rotate_api_key(path: ApiKeyPath, body: Rotation) -> Response:
    """Replace an API key's secret: the one before stays good for the overlap.

    The answer holds the new secret, this once. A secret whose overlap still runs ends now.
    """
    who, mode, overlap = actor(), caller().mode, body.overlap_seconds
    return once(
        lambda connection: Made(
            rotate(connection, who, path.key_id, overlap, mode),
            status=200,
            secret_fields=_SECRET,
        )
    )


@blueprint.delete("/api-keys/<key_id>", responses=responses(ApiKeyRecord, 200, 404))
@requires("admin")
def revoke_api_key(path: ApiKeyPath) -> Response:
    """Revoke an API key: it is refused everywhere within two seconds."""
    with transaction() as connection:
        return success(revoke(connection, actor(), path.key_id, caller().mode))
