"""Who is calling: what every route decides by."""

from dataclasses import dataclass
from typing import Literal, get_args

Mode = Literal["test", "live"]
Permission = Literal[
    "tasks:read", "tasks:write", "agents:submit", "agents:register", "escalations:request",
    "escalations:approve", "webhooks:manage", "monitoring:read", "admin",
]  # fmt: skip
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)


@dataclass(frozen=True)
class Subject:
    """A caller whose credential was checked; `id` is the credential's own (`key_…`)."""

    id: str
    mode: Mode
    permissions: frozenset[Permission]

    def may(self, permission: Permission) -> bool:
        """Whether the caller has the permission; `admin` has every one."""
        return permission in self.permissions or "admin" in self.permissions
