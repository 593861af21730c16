"""`/v1/system`: what admins do with the whole deployment."""

from typing import Annotated

from flask import Response
from pydantic import BaseModel, Field, StringConstraints

from api.answer import success
from api.caller import actor, caller, requires
from api.documentation import IDEMPOTENT, WITH_BODY, api_blueprint, responses
from api.idempotency import Made, once
from kyros_worker.database import read
from kyros_worker.fleet.maintenance import (
    MAX_MESSAGE_LENGTH,
    change_maintenance,
    read_maintenance,
)
from kyros_worker.schemas import Body

blueprint = api_blueprint("system", __name__, "The deployment as a whole.")


class MaintenanceChange(Body):
    """Maintenance, on or off."""

    enabled: bool
    message: Annotated[str, StringConstraints(max_length=MAX_MESSAGE_LENGTH)] | None = Field(
        None, description="For whoever asks why nothing begins."
    )


class MaintenanceState(BaseModel):
    """Whether workers may start anything new."""

    enabled: bool
    message: str | None
    changed_by: str | None = Field(
        description="`key_…`, `usr_…`, a JWT's user or `oac_…`; null before the first change."
    )
    changed_at: str | None


@blueprint.post(
    "/system/maintenance",
    responses=responses(MaintenanceState, 200, 409, *WITH_BODY),
    openapi_extensions=IDEMPOTENT,
)
@requires("admin")
def set_maintenance(body: MaintenanceChange) -> Response:
    """Turn maintenance on or off.

    While it is on, tasks are accepted and running calls go on, but workers start nothing new.
    It needs a live admin, unless the whole deployment is in test mode.
    """
    who, acting = caller(), actor()
    return once(
        lambda connection: Made(
            change_maintenance(connection, who, acting, enabled=body.enabled, message=body.message),
            status=200,
        )
    )


@blueprint.get("/system/maintenance", responses=responses(MaintenanceState))
@requires("monitoring:read")
def get_maintenance() -> Response:
    """Get whether maintenance is on."""
    with read() as connection:
        return success(read_maintenance(connection))
