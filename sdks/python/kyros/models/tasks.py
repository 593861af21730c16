"""Tasks, what happens to them, and who does them."""

from decimal import Decimal
from typing import Any, Dict, List, Mapping, Optional, Sequence

from kyros.exact import money
from kyros.models.model import Model, one


class Progress(Model):
    """How far a task is: `percentage` from 0 to 100."""

    percentage: float
    stage: str
    message: str


class Task(Model, reads={"progress": one(Progress), "cost_usd": money}):
    """A piece of work: made of what you ask for, read as what became of it."""

    id: str
    title: str
    description: str
    type: str
    priority: str
    assignee_role: str
    acceptance_criteria: List[str]
    files_to_modify: List[str]
    complexity: Optional[str]
    metadata: Dict[str, Any]
    deadline_seconds: int
    dedupe_key: Optional[str]
    #: `pending`, `in_progress`, `completed` or `failed`.
    status: str
    #: The precise one: `queued`, `running`, `awaiting_approval`, `completed`, `failed` or
    #: `cancelled`.
    state: str
    progress: Progress
    result: Optional[Dict[str, Any]]
    #: A sentence; None unless failed.
    error: Optional[str]
    cancelled: bool
    cost_usd: Decimal
    unpriced_calls: int
    model_tier: Optional[str]
    escalated: bool
    submission_id: str
    mode: str
    created_by: str
    created_at: str
    updated_at: str
    started_at: Optional[str]
    completed_at: Optional[str]
    deadline_at: str
    url: str

    def __init__(
        self,
        title: str,
        description: Optional[str] = None,
        *,
        type: Optional[str] = None,  # noqa: A002 - the API's word
        priority: Optional[str] = None,
        assignee_role: Optional[str] = None,
        acceptance_criteria: Optional[Sequence[str]] = None,
        files_to_modify: Optional[Sequence[str]] = None,
        complexity: Optional[str] = None,
        metadata: Optional[Mapping[str, Any]] = None,
        context: Optional[Mapping[str, Any]] = None,
        dedupe_key: Optional[str] = None,
        deadline_seconds: Optional[int] = None,
        **others: Any,
    ) -> None:
        """A task to be created; what is None is left to the API's default."""
        fields: Dict[str, Any] = {
            "title": title,
            "description": description,
            "type": type,
            "priority": priority,
            "assignee_role": assignee_role,
            "acceptance_criteria": acceptance_criteria,
            "files_to_modify": files_to_modify,
            "complexity": complexity,
            "metadata": metadata,
            "context": context,
            "dedupe_key": dedupe_key,
            "deadline_seconds": deadline_seconds,
            **others,
        }
        super().__init__(**{name: value for name, value in fields.items() if value is not None})


class TaskStatus(Model, reads={"progress": one(Progress)}):
    """How a task stands."""

    id: str
    #: `pending`, `in_progress`, `completed` or `failed`.
    status: str
    progress: Progress
    updated_at: str


class TaskEvent(Model):
    """Something that happened to a task; `seq` counts a task's events from 1."""

    seq: int
    id: str
    type: str
    created_at: str
    data: Dict[str, Any]


class AgentContext(Model):
    """What the models are shown beside the task; any field may be added.

    `files` is an object from a path to its text.
    """

    repository_state: Any
    recent_changes: Any
    files: Dict[str, str]

    def __init__(
        self,
        repository_state: Any = None,
        recent_changes: Any = None,
        *,
        files: Optional[Mapping[str, str]] = None,
        **others: Any,
    ) -> None:
        """A context; what is None is left out."""
        fields = {
            "repository_state": repository_state,
            "recent_changes": recent_changes,
            "files": files,
        }
        named = {name: value for name, value in fields.items() if value is not None}
        super().__init__(**named, **others)


class AgentSubmission(Model):
    """One pass of one role at one task."""

    submission_id: str
    task_id: str
    role: str
    status: str


class Agent(Model):
    """A built-in role, or a registered agent."""

    agent_id: str
    status: str
    capabilities: List[str]
    queue_depth: int
    workers: int


class Escalation(Model, reads={"estimated_cost_usd": money}):
    """A request for the premium tier, and what came of it."""

    id: str
    task_id: str
    #: `requested`, `approved`, `rejected` or `completed`.
    status: str
    role: str
    tier: str
    reason: str
    #: Which rule asked; None when a person did.
    rule: Optional[str]
    #: What the rule compared.
    figures: List[Dict[str, Any]]
    priority: str
    requested_by: str
    decided_by: Optional[str]
    comment: Optional[str]
    #: Whether who asked may not approve it.
    four_eyes: bool
    #: The most that its first call may cost; None where no price is known.
    estimated_cost_usd: Optional[Decimal]
    #: What becomes of it at `due_at`: `reject` or `accept_best`.
    on_timeout: str
    mode: str
    due_at: str
    created_at: str
    decided_at: Optional[str]
    completed_at: Optional[str]
