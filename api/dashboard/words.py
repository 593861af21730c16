"""What permissions and roles are in words."""

from kyros_worker.auth.subject import PERMISSIONS, PERMISSIONS_OF, Permission, Role

#: What somebody with the permission may do; goes on after "may".
MAY: dict[Permission, str] = {
    "tasks:read": "see tasks, their results and what happened to them",
    "tasks:write": "create, change, cancel and retry tasks",
    "agents:submit": "submit tasks to agents",
    "agents:register": "register agents",
    "escalations:request": "ask for the premium model",
    "escalations:approve": "approve and reject what asks for the premium model",
    "webhooks:manage": "manage webhooks",
    "monitoring:read": "see costs, health and metrics",
    "admin": "do everything, manage users and API keys too",
}

#: What people of the role do.
ROLE_WORDS: dict[Role, str] = {
    "viewer": "sees tasks, costs and health",
    "developer": "also creates tasks and asks for the premium model",
    "reviewer": "also decides who gets the premium model",
    "operator": "also manages webhooks and agents",
    "admin": "does everything, manages users and API keys too",
}


def may_do(permissions: frozenset[Permission]) -> list[str]:
    """What somebody with these permissions may do, in words."""
    if "admin" in permissions:
        return [MAY["admin"]]
    return [MAY[one] for one in PERMISSIONS if one in permissions]


def role_of(permissions: frozenset[Permission]) -> Role | None:
    """The role that has just these permissions."""
    return next((role for role, given in PERMISSIONS_OF.items() if given == permissions), None)
