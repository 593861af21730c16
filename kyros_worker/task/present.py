"""A task as its readers see it (contract, "Tasks")."""

from collections.abc import Mapping
from typing import Any

from kyros_worker.clock import rfc3339, rfc3339_or_none
from kyros_worker.settings import current
from kyros_worker.task.states import STATUS_OF
from kyros_worker.task.tables import Task

#: The columns that a change can touch, with what is needed to tell of it.
CHANGING = (
    Task.id, Task.mode, Task.type, Task.priority, Task.assignee_role, Task.deadline_seconds,
    Task.state, Task.progress_percentage, Task.progress_stage, Task.progress_message, Task.result,
    Task.error, Task.cost_usd, Task.unpriced_calls, Task.model_tier, Task.escalated,
    Task.escalation_id, Task.premium_roles, Task.asked_roles, Task.submission_id, Task.run,
    Task.last_seq, Task.deadline_at, Task.budget_lifted, Task.budget_wait_seconds, Task.started_at,
    Task.completed_at, Task.updated_at, Task.created_by,
)  # fmt: skip

#: The columns that never change after creation.
FIXED = (
    Task.id, Task.mode, Task.title, Task.description, Task.type, Task.priority,
    Task.assignee_role, Task.acceptance_criteria, Task.files_to_modify, Task.complexity,
    Task.metadata_, Task.deadline_seconds, Task.dedupe_key, Task.created_by, Task.created_at,
)  # fmt: skip


def task(row: Mapping[Any, Any]) -> dict[str, Any]:
    """The full task."""
    return whole(fixed(row), changing(row))


def whole(fixed_part: dict[str, Any], changing_part: dict[str, Any]) -> dict[str, Any]:
    """The full task from its two parts, in one stable order of fields."""
    return {**fixed_part, **changing_part}


def fixed(row: Mapping[Any, Any]) -> dict[str, Any]:
    """The fields that never change after creation."""
    return {
        "id": row["id"],
        "title": row["title"],
        "description": row["description"],
        "type": row["type"],
        "priority": row["priority"],
        "assignee_role": row["assignee_role"],
        "acceptance_criteria": row["acceptance_criteria"],
        "files_to_modify": row["files_to_modify"],
        "complexity": row["complexity"],
        "metadata": row["metadata"],
        "deadline_seconds": row["deadline_seconds"],
        "dedupe_key": row["dedupe_key"],
        "mode": row["mode"],
        "created_by": row["created_by"],
        "created_at": rfc3339(row["created_at"]),
        "url": f"{current().base_url}/tasks/{row['id']}",
    }


def changing(row: Mapping[Any, Any]) -> dict[str, Any]:
    """The fields that change, as they are now: what an event keeps of the task."""
    return {
        **status(row),
        "state": row["state"],
        "cancelled": row["state"] == "cancelled",
        "result": row["result"],
        "error": row["error"],
        "cost_usd": float(row["cost_usd"]),
        "unpriced_calls": row["unpriced_calls"],
        "model_tier": row["model_tier"],
        "escalated": row["escalated"],
        "submission_id": row["submission_id"],
        "deadline_at": rfc3339(row["deadline_at"]),
        "started_at": rfc3339_or_none(row["started_at"]),
        "completed_at": rfc3339_or_none(row["completed_at"]),
    }


def status(row: Mapping[Any, Any]) -> dict[str, Any]:
    """The small answer that polling reads."""
    return {
        "id": row["id"],
        "status": STATUS_OF[row["state"]],
        "progress": {
            "percentage": row["progress_percentage"],
            "stage": row["progress_stage"],
            "message": row["progress_message"],
        },
        "updated_at": rfc3339(row["updated_at"]),
    }
