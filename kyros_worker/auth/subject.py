"""Who is calling: what every route decides by."""

from dataclasses import dataclass
from typing import Literal, get_args

Mode = Literal["test", "live"]
Permission = Literal[
    "tasks:read", "tasks:write", "agents:submit", "agents:register", "escalations:request",
    "escalations:approve", "webhooks:manage", "monitoring:read", "admin",
]  # fmt: skip
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)

#: What every refusal of a credential says, whatever is wrong with it.
INVALID_CREDENTIAL = "The credential is not valid, has expired or was revoked."

Kind = Literal["api_key", "session", "jwt", "oauth2"]

Role = Literal["viewer", "developer", "reviewer", "operator", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

_VIEWER: frozenset[Permission] = frozenset({"tasks:read", "monitoring:read"})
_DEVELOPER: frozenset[Permission] = _VIEWER | {
    "tasks:write", "agents:submit", "escalations:request",
}  # fmt: skip
_REVIEWER: frozenset[Permission] = _DEVELOPER | {"escalations:approve"}
_OPERATOR: frozenset[Permission] = _REVIEWER | {"webhooks:manage", "agents:register"}
#: What people of a role may do (contract, "Who may do what").
PERMISSIONS_OF: dict[Role, frozenset[Permission]] = {
    "viewer": _VIEWER,
    "developer": _DEVELOPER,
    "reviewer": _REVIEWER,
    "operator": _OPERATOR,
    "admin": frozenset(PERMISSIONS),
}


@dataclass(frozen=True)
class Subject:
    """A caller whose credential was checked.

    `id` is who acts: `key_…`, `usr_…`, a JWT's user, or `oac_…` for an application by itself.
    """

    id: str
    mode: Mode
    permissions: frozenset[Permission]
    kind: Kind = "api_key"
    #: The application (`oac_…`) through which a person calls.
    via: str | None = None
    #: Requests a minute; None for the deployment's own limit.
    rate_limit: int | None = None

    @property
    def credential(self) -> str:
        """By what its requests are counted and its idempotency keys are told apart."""
        return ":".join(part for part in (self.kind, self.via, self.id) if part)

    def may(self, permission: Permission) -> bool:
        """Whether the caller has the permission; `admin` has every one."""
        return permission in self.permissions or "admin" in self.permissions
