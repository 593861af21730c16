"""The states of a task and the guide's word for each."""

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
    "started_at": None,
    "completed_at": None,
}
