"""The states of a task, the guide's word for each, and what a change of state changes."""

from datetime import datetime
from typing import Any, Literal, get_args

State = Literal["queued", "running", "awaiting_approval", "completed", "failed", "cancelled"]
Status = Literal["pending", "in_progress", "completed", "failed"]

STATES: tuple[State, ...] = get_args(State)
FINAL_STATES: tuple[State, ...] = ("completed", "failed", "cancelled")
OPEN_STATES = tuple(state for state in STATES if state not in FINAL_STATES)

#: Every polling loop printed in the guide ends on `completed` or `failed` (contract, "Tasks").
STATUS_OF: dict[State, Status] = {
    "queued": "pending",
    "running": "in_progress",
    "awaiting_approval": "in_progress",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "failed",
}

#: How a task stands when a run begins.
BEGINNING: dict[str, Any] = {
    "state": "queued",
    "progress_percentage": 0,
    "progress_stage": "queued",
    "progress_message": "Waiting for a worker.",
    "result": None,
    "error": None,
    "budget_lifted": False,
    "budget_wait_seconds": 0,
    "started_at": None,
    "completed_at": None,
    "escalated": False,
    "premium_roles": None,
    "asked_roles": None,
}


def completed(result: dict[str, Any], at: datetime) -> dict[str, Any]:
    """What changes on a task that is completed."""
    ended = _ended("completed", at, "The task is completed.")
    return {**ended, "result": result, "progress_percentage": 100}


def failed(error: str, at: datetime) -> dict[str, Any]:
    """What changes on a task that fails, for a reason in a sentence."""
    return {**_ended("failed", at, "The task failed."), "error": error}


def cancelled(error: str, at: datetime) -> dict[str, Any]:
    """What changes on a task that is cancelled, for a reason."""
    return {**_ended("cancelled", at, "The task was cancelled."), "error": error}


def stage(name: str, message: str) -> dict[str, Any]:
    """What changes on a task whose work goes on."""
    return {"progress_stage": name, "progress_message": message}


def awaiting_approval(reason: str) -> dict[str, Any]:
    """What changes on a task that waits for a person, and why."""
    return {"state": "awaiting_approval", **stage("awaiting_approval", reason)}


def going_on(task: dict[str, Any]) -> dict[str, Any]:
    """What changes on an unfinished task whose work goes on, where it may have waited."""
    return {"state": "running" if task["started_at"] else "queued"}


def _ended(state: State, at: datetime, message: str) -> dict[str, Any]:
    return {"state": state, "completed_at": at, **stage(state, message)}
