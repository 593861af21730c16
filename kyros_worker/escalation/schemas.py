"""What a client may send about an escalation (contract, "Escalations")."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from kyros_worker.queue.names import Priority
from kyros_worker.schemas import Body, NoBody, Page

Status = Literal["requested", "approved", "rejected", "completed"]
_Text = Annotated[str, StringConstraints(max_length=4096)]


class NewEscalation(Body):
    """A person's request for the premium model."""

    task_id: str = Field(description="`task_…`")
    reason: Annotated[_Text, StringConstraints(min_length=1, strip_whitespace=True)] = Field(
        description="Why, for whoever decides."
    )
    priority: Priority | None = Field(None, description="Default: the task's.")


class EscalationDecision(NoBody):
    """What the person who decides has to say."""

    comment: _Text | None = Field(None, description="Kept with the escalation.")


class EscalationFilter(Page):
    """Which escalations are listed."""

    status: Status | None = None
    task_id: str | None = Field(None, description="`task_…`")
