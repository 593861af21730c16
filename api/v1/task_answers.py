"""What is answered about tasks, for the OpenAPI document."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from kyros_worker.auth.subject import Mode
from kyros_worker.queue.names import Priority
from kyros_worker.task.states import State, Status


class TaskPath(BaseModel):
    """Which task."""

    task_id: str = Field(description="`task_…`")


class Progress(BaseModel):
    """How far a task is: the share of its roles that lie behind it."""

    percentage: int = Field(ge=0, le=100)
    stage: str = Field(
        description="The role at work, or `queued`, `waiting`, `waiting_for_budget`, "
        "`waiting_for_provider` or the final state."
    )
    message: str


class TaskStatus(BaseModel):
    """The small answer that polling reads."""

    id: str
    status: Status
    progress: Progress
    updated_at: str


class TaskRecord(TaskStatus):
    """A task. Every field is always present."""

    title: str
    description: str
    type: str
    priority: Priority
    assignee_role: str
    acceptance_criteria: list[str]
    files_to_modify: list[str]
    complexity: Literal["low", "medium", "high"] | None
    metadata: dict[str, Any]
    deadline_seconds: int
    deadline_at: str
    dedupe_key: str | None
    mode: Mode
    state: State
    cancelled: bool
    result: dict[str, Any] | None = Field(description="What was made; null until completed.")
    error: str | None = Field(description="One sentence; null unless `status` is `failed`.")
    cost_usd: float = Field(description="Of all its calls so far, but the `unpriced_calls`.")
    unpriced_calls: int = Field(description="Calls whose cost is not known.")
    model_tier: Literal["economy", "premium"] | None
    escalated: bool
    submission_id: str
    created_by: str
    created_at: str
    started_at: str | None
    completed_at: str | None
    url: str = Field(description="The task's page, for people.")


class TaskBatch(BaseModel):
    """Tasks in the order in which they were sent."""

    tasks: list[TaskRecord]


class TaskPage(TaskBatch):
    """Tasks, newest first."""

    next_cursor: str | None
    has_more: bool


class TimelineItem(BaseModel):
    """One fact: of the task (`task.*`, with the full task), a submission, or a model call."""

    seq: int
    id: str
    type: str
    created_at: str
    data: dict[str, Any]


class Timeline(BaseModel):
    """What happened, oldest first."""

    events: list[TimelineItem]
    next_cursor: str | None
    has_more: bool


class AgentSubmission(BaseModel):
    """A role's work at a task, accepted."""

    submission_id: str
    task_id: str
    role: str
    status: Literal["queued"]
