"""The closed words of tasks, models and webhooks, which clients, tables and settings share."""

from typing import Literal, get_args

Role = Literal["implementer", "critic", "integrator"]
ROLES: tuple[Role, ...] = get_args(Role)

Tier = Literal["economy", "premium"]
TIERS: tuple[Tier, ...] = get_args(Tier)

Priority = Literal["critical", "high", "medium", "low"]
#: In the order in which they are served.
PRIORITIES: tuple[Priority, ...] = get_args(Priority)

Complexity = Literal["low", "medium", "high"]

#: Why a call to a model gave no usable answer.
ErrorKind = Literal[
    "rate_limited", "server_error", "timeout", "connection", "content_refused", "invalid_output",
    "rejected",
]  # fmt: skip

#: What a webhook can be told of; a star stands for all of a kind.
EventName = Literal[
    "task.created", "task.started", "task.progress", "task.completed", "task.failed",
    "task.cancelled", "escalation.requested", "escalation.approved", "escalation.rejected",
    "escalation.completed", "system.health_check", "system.alert", "system.maintenance",
    "task.*", "escalation.*", "system.*", "*",
]  # fmt: skip
EVENT_NAMES: tuple[EventName, ...] = get_args(EventName)

#: How a task's type is written; which types there are is open.
TASK_TYPE = r"^[a-z][a-z0-9_-]{0,63}$"
