"""`/v1/agents`: asking a role to work on a task."""

from flask import Response
from pydantic import BaseModel, Field

from api.caller import caller, requires
from api.documentation import IDEMPOTENT, WITH_BODY, api_blueprint, responses
from api.idempotency import Made, once
from api.request_id import request_id
from api.v1.task_answers import AgentSubmission
from kyros_worker.task.schemas import NewAgentSubmission
from kyros_worker.task.submit import known_role, submit_task

blueprint = api_blueprint("agents", __name__, "The roles that work on tasks.")


class RolePath(BaseModel):
    """Which role."""

    role: str = Field(description="`implementer`, `critic` or `integrator`")


@blueprint.post(
    "/agents/<role>/submit",
    responses=responses(AgentSubmission, 202, 404, 409, *WITH_BODY),
    openapi_extensions=IDEMPOTENT,
)
@requires("agents:submit")
def submit_to_agent(path: RolePath, body: NewAgentSubmission) -> Response:
    """Submit a task to a role, with more context.

    A submission of that role that has not started takes the context in; one that runs is
    superseded; for another role the workflow goes on from there; a final task opens again.
    """
    who, asked_by, role = caller(), request_id(), known_role(path.role)
    return once(
        lambda connection: Made(
            submit_task(
                connection,
                body.task_id,
                role,
                body.context or {},
                mode=who.mode,
                request_id=asked_by,
            ),
            status=202,
        )
    )
