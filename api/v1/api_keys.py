"""`/v1/api-keys`: what admins do with keys.

A caller sees and revokes the keys of its own mode only, live admins too: what is in test mode is
seen by test keys alone (contract, "Test mode"). Both are one `kyros keys` away for the operator.
"""

from typing import Annotated

from flask import Response
from pydantic import BaseModel, Field, StringConstraints

from api.answer import success
from api.caller import caller, requires
from api.documentation import IDEMPOTENT, WITH_BODY, api_blueprint, responses
from api.idempotency import Made, once
from kyros_worker import cursor
from kyros_worker.auth.create import MAX_NAME_LENGTH, create, refuse_mode
from kyros_worker.auth.queries import newest
from kyros_worker.auth.revoke import revoke
from kyros_worker.auth.subject import PERMISSIONS, Mode, Permission
from kyros_worker.database import read, transaction
from kyros_worker.schemas import Body, Page, Time

blueprint = api_blueprint("api-keys", __name__, "The credentials of programs.")


class NewApiKey(Body):
    """A key to be made."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME_LENGTH)] = Field(
        description="What people know it by."
    )
    permissions: list[Permission] = Field(min_length=1, max_length=len(PERMISSIONS))
    mode: Mode | None = Field(None, description="Default: the mode of the caller.")
    expires_at: Time | None = Field(None, description="Default: never.")


class ApiKeyRecord(BaseModel):
    """A key as people see it."""

    id: str
    name: str
    prefix: str = Field(description="The key's first characters.")
    mode: Mode
    permissions: list[Permission]
    created_by: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None = Field(description="To the minute.")
    revoked_at: str | None


class MadeApiKey(ApiKeyRecord):
    """A key just made."""

    key: str | None = Field(description="The secret, this once; null when replayed.")


class ApiKeys(BaseModel):
    """A page of keys, newest first."""

    api_keys: list[ApiKeyRecord]
    next_cursor: str | None
    has_more: bool


class ApiKeyPath(BaseModel):
    """Which key."""

    key_id: str = Field(description="`key_…`")


@blueprint.post(
    "/api-keys",
    responses=responses(MadeApiKey, 201, 409, *WITH_BODY),
    openapi_extensions=IDEMPOTENT,
)
@requires("admin")
def create_api_key(body: NewApiKey) -> Response:
    """Make an API key.

    The answer holds the key, this once. A live key is made by a live admin.
    """
    maker, mode = caller(), body.mode or caller().mode
    refuse_mode(maker, mode)
    return once(
        lambda connection: Made(
            create(
                connection,
                name=body.name,
                permissions=body.permissions,
                mode=mode,
                created_by=maker.id,
                expires_at=body.expires_at,
            ),
            secret_fields=("key",),
        )
    )


@blueprint.get("/api-keys", responses=responses(ApiKeys))
@requires("admin")
def list_api_keys(query: Page) -> Response:
    """List the API keys of the caller's mode, newest first."""
    scope = f"api-keys {caller().mode}"
    after = cursor.decode(query.cursor, scope) if query.cursor else None
    with read() as connection:
        found = newest(connection, caller().mode, query.limit + 1, after)
    return success(cursor.page("api_keys", found, query.limit, scope))


@blueprint.delete("/api-keys/<key_id>", responses=responses(ApiKeyRecord, 200, 404))
@requires("admin")
def revoke_api_key(path: ApiKeyPath) -> Response:
    """Revoke an API key: it is refused everywhere within two seconds."""
    with transaction() as connection:
        return success(revoke(connection, path.key_id, caller().mode))
