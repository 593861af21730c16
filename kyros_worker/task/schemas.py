"""What a client may send about a task (contract, "Tasks"), validated strictly."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from kyros_worker import strict_json
from kyros_worker.queue.names import Priority
from kyros_worker.schemas import WHOLE, Body, Decimal, Page, Query, Time
from kyros_worker.settings import ROLES
from kyros_worker.task.context import checked
from kyros_worker.task.states import State, Status
from kyros_worker.words import TASK_TYPE, Complexity

_KIB = 1024
#: How long a task may live, waiting included, when its creator did not say.
DEADLINE_SECONDS = 86_400


def _at_most(size: int, value: str) -> str:
    if len(value.encode()) > size:
        raise ValueError(f"is longer than {size} bytes")
    return value


def _json_at_most(size: int, value: dict[str, Any]) -> dict[str, Any]:
    if len(strict_json.dumps(value).encode()) > size:
        raise ValueError(f"is larger than {size} bytes as JSON")
    return value


def _known_role(value: str) -> str:
    if value not in ROLES:
        raise ValueError(f"names nobody here; the roles are {', '.join(ROLES)}")
    return value


Criterion = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4 * _KIB),
    AfterValidator(lambda value: _at_most(4 * _KIB, value)),
]
FilePath = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
Context = Annotated[
    dict[str, Any],
    Field(json_schema_extra={"properties": {"files": {"anyOf": [_TEXTS, {"type": "null"}]}}}),
    AfterValidator(checked),
]
TaskType = Annotated[str, StringConstraints(pattern=TASK_TYPE)]


class NewTask(Body):
    """A task to be created."""

    title: str = Field(min_length=1, max_length=300)
    description: (
        Annotated[
            str,
            StringConstraints(max_length=512 * _KIB),
            AfterValidator(lambda value: _at_most(512 * _KIB, value)),
        ]
        | None
    ) = None
    type: TaskType | None = Field(
        "implementation",
        description="`implementation`, `review`, `deployment` or any other lower-case word.",
    )
    priority: Priority | None = "medium"
    assignee_role: (
        Annotated[
            str,
            Field(json_schema_extra={"enum": list(ROLES)}),
            AfterValidator(_known_role),
        ]
        | None
    ) = Field(None, description="Default: the first role of the type's workflow.")
    acceptance_criteria: list[Criterion] | None = Field(None, max_length=100)
    files_to_modify: list[FilePath] | None = Field(None, max_length=1000)
    complexity: Complexity | None = None
    metadata: (
        Annotated[dict[str, Any], AfterValidator(lambda value: _json_at_most(64 * _KIB, value))]
        | None
    ) = Field(
        None, description="Comes back as sent. In test mode its `sandbox` steers the sandbox model."
    )
    context: Context | None = Field(
        None,
        description="What the models are shown beside the task: `repository_state`, "
        "`recent_changes`, `files` (an object from path to text) and free fields.",
    )
    dedupe_key: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        description="A newer task with the same key cancels an older unfinished one.",
    )
    deadline_seconds: Annotated[int, Field(ge=1, le=30 * 86_400), WHOLE] | None = DEADLINE_SECONDS


class NewTasks(Body):
    """A batch of tasks: all are created, or none."""

    tasks: list[NewTask] = Field(min_length=1, max_length=1000)


class NewAgentSubmission(Body):
    """A request that a role works on a task, with more context."""

    task_id: str = Field(min_length=1, max_length=64)
    context: Context | None = None


class TaskFilter(Page):
    """Which tasks a list shows: every filter that is given must hold."""

    status: Status | None = None
    state: State | None = None
    type: TaskType | None = None
    priority: Priority | None = None
    assignee_role: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    created_after: Time | None = None
    created_before: Time | None = None
    q: Annotated[str, StringConstraints(min_length=1, max_length=300)] | None = Field(
        None, description="Words that stand in title or description."
    )


class TimelinePage(Page):
    """Which part of a timeline is wanted, oldest first."""

    limit: Decimal = Field(200, ge=1, le=200, description="As many as the answer holds at most.")


class Wait(Query):
    """How long an answer may wait for the task to be final."""

    wait: Decimal = Field(0, ge=0, le=60, description="Seconds.")
