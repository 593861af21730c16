"""`/v1/escalations`: asking for the premium model, and deciding who gets it."""

from collections.abc import Callable
from typing import Any, Literal

from flask import Response
from pydantic import BaseModel, Field

from api.answer import success
from api.caller import actor, caller, requires
from api.documentation import IDEMPOTENT, WITH_BODY, api_blueprint, responses
from api.idempotency import Made, once
from api.request_id import request_id
from kyros_worker.audit.actor import Actor
from kyros_worker.auth.subject import Mode, Subject
from kyros_worker.database import Connection, read
from kyros_worker.escalation.queries import find_escalation, list_escalations
from kyros_worker.escalation.schemas import (
    EscalationDecision,
    EscalationFilter,
    NewEscalation,
    Status,
)
from kyros_worker.escalation.write import present
from kyros_worker.queue.names import Priority
from kyros_worker.task.approve import (
    approve_escalation,
    reject_escalation,
    request_escalation,
)

blueprint = api_blueprint(
    "escalations", __name__, "Requests to go from the economy model to the premium one."
)

_WHO = "`key_…`, `usr_…`, a JWT's user, `oac_…` or `system`."


class EscalationRecord(BaseModel):
    """An escalation. Every field is always present."""

    id: str
    task_id: str
    mode: Mode
    status: Status
    role: str = Field(description="Who works with the model that is asked for.")
    tier: str = Field(description="`premium`; of a question about a task's budget, its pass's tier")
    reason: str
    rule: str | None = Field(description="Which rule asked; null when a person did.")
    figures: list[dict[str, Any]] = Field(description="What the rule compared.")
    priority: Priority
    requested_by: str = Field(description=_WHO)
    decided_by: str | None = Field(description=_WHO)
    comment: str | None
    four_eyes: bool = Field(description="Whether who asked may not approve it.")
    estimated_cost_usd: float | None = Field(
        description="The most that its first call may cost; null where no price is known."
    )
    on_timeout: Literal["reject", "accept_best"]
    due_at: str = Field(description="When it is decided by itself.")
    created_at: str
    decided_at: str | None
    completed_at: str | None


class EscalationPage(BaseModel):
    """A page of escalations, newest first."""

    escalations: list[EscalationRecord]
    next_cursor: str | None
    has_more: bool


class EscalationPath(BaseModel):
    """Which escalation."""

    escalation_id: str = Field(description="`esc_…`")


@blueprint.post(
    "/escalations",
    responses=responses(EscalationRecord, 201, 404, 409, *WITH_BODY),
    openapi_extensions=IDEMPOTENT,
)
@requires("escalations:request")
def create_escalation(body: NewEscalation) -> Response:
    """Ask that a task is worked on with the premium model.

    A task that runs pauses after its current call until it is decided; a final one opens again
    when it is approved; a cancelled one is refused (409).
    """
    who, asked_by = caller(), request_id()
    return once(
        lambda connection: Made(
            request_escalation(
                connection,
                body.task_id,
                who,
                reason=body.reason,
                priority=body.priority,
                request_id=asked_by,
            )
        )
    )


@blueprint.get("/escalations", responses=responses(EscalationPage))
@requires("tasks:read")
def get_escalations(query: EscalationFilter) -> Response:
    """List escalations, newest first."""
    with read() as connection:
        return success(list_escalations(connection, caller().mode, query))


@blueprint.get("/escalations/<escalation_id>", responses=responses(EscalationRecord, 200, 404))
@requires("tasks:read")
def get_escalation(path: EscalationPath) -> Response:
    """Get an escalation."""
    with read() as connection:
        return success(present(find_escalation(connection, path.escalation_id, caller().mode)))


@blueprint.post(
    "/escalations/<escalation_id>/approve",
    responses=responses(EscalationRecord, 200, 404, 409, *WITH_BODY),
    openapi_extensions=IDEMPOTENT,
)
@requires("escalations:approve")
def approve(path: EscalationPath, body: EscalationDecision) -> Response:
    """Approve an escalation: its task goes on with the premium model.

    Of two who decide at once one wins, the other is told 409.
    """
    return _decide(approve_escalation, path, body)


@blueprint.post(
    "/escalations/<escalation_id>/reject",
    responses=responses(EscalationRecord, 200, 404, 409, *WITH_BODY),
    openapi_extensions=IDEMPOTENT,
)
@requires("escalations:approve")
def reject(path: EscalationPath, body: EscalationDecision) -> Response:
    """Reject an escalation: its task goes on as it would have without."""
    return _decide(reject_escalation, path, body)


def _decide(
    decide: Callable[[Connection, str, Subject, Actor, str | None], dict[str, Any]],
    path: EscalationPath,
    body: EscalationDecision,
) -> Response:
    who, acting = caller(), actor()
    return once(
        lambda connection: Made(
            decide(connection, path.escalation_id, who, acting, body.comment), status=200
        )
    )
