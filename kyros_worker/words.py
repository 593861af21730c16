"""The closed words of tasks and models, which clients, tables and the configuration share."""

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

#: How a task's type is written; which types there are is open.
TASK_TYPE = r"^[a-z][a-z0-9_-]{0,63}$"
