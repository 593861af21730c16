"""How all of Kyros is: Postgres, the broker, each role's workers, the models."""

import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Literal

from sqlalchemy import Connection

from kyros_worker.cost.breakers import ModelHealth, breakers
from kyros_worker.database import is_away, read
from kyros_worker.monitoring.heartbeat import live_workers
from kyros_worker.monitoring.maintenance import read_maintenance
from kyros_worker.queue.names import WEBHOOKS
from kyros_worker.settings import current
from kyros_worker.words import ROLES

Overall = Literal["healthy", "degraded", "unhealthy"]
#: `unknown` is what only Postgres could tell while it is away.
Status = Literal["healthy", "degraded", "unhealthy", "unknown"]
Components = dict[str, Any]

_VERSION = version("kyros")
_BEGAN = time.monotonic()


def statuses(components: Mapping[str, Any]) -> dict[str, Status]:
    """Each component's status by its name; those of a group are called `workers.critic` (pure)."""
    found: dict[str, Status] = {}
    for name, component in components.items():
        if "status" in component:
            found[name] = component["status"]
        else:
            found |= {f"{name}.{inner}": one["status"] for inner, one in component.items()}
    return found


def overall(components: Mapping[str, Any]) -> Overall:
    """The word for all of it (pure): without Postgres nothing works, without others only some."""
    found = statuses(components)
    if found["database"] != "healthy":
        return "unhealthy"
    return "healthy" if set(found.values()) == {"healthy"} else "degraded"


def read_health(*, broker_answers: bool) -> dict[str, Any]:
    """The health as it is answered, also while Postgres is away.

    Whether the broker answers is asked before, so that no connection is held meanwhile.
    """
    try:
        with read() as connection:
            components = read_components(connection, broker_answers=broker_answers)
            state = read_maintenance(connection)
            maintenance = {name: state[name] for name in ("enabled", "message")}
    except Exception as error:
        if not is_away(error):
            raise
        components, maintenance = _without_database(broker_answers=broker_answers), None
    return {
        "overall_status": overall(components),
        "components": components,
        "maintenance": maintenance,
        "test_mode": current().test_mode,
        "version": _VERSION,
        "uptime_seconds": round(time.monotonic() - _BEGAN, 3),
    }


def read_components(connection: Connection, *, broker_answers: bool) -> Components:
    """How each component is, as Postgres, which answers, knows it."""
    workers = live_workers(connection)
    return {
        "database": {"status": "healthy"},
        "broker": _broker(answers=broker_answers),
        "workers": {
            role: {"status": "healthy" if workers[role] else "unhealthy", "count": workers[role]}
            for role in ROLES
        },
        "webhooks": {
            "status": "healthy" if workers[WEBHOOKS] else "unhealthy",
            "count": workers[WEBHOOKS],
        },
        "models": _models(breakers(connection)),
    }


def _without_database(*, broker_answers: bool) -> Components:
    return {
        "database": {"status": "unhealthy"},
        "broker": _broker(answers=broker_answers),
        "workers": {role: {"status": "unknown", "count": None} for role in ROLES},
        "webhooks": {"status": "unknown", "count": None},
        "models": {"status": "unknown", "left_alone": []},
    }


def _broker(*, answers: bool) -> dict[str, Status]:
    return {"status": "healthy" if answers else "unhealthy"}


def _models(found: list[ModelHealth]) -> dict[str, Any]:
    left_alone = [
        {"model": one.model, "state": one.state, "error_kind": one.error_kind}
        for one in found
        if one.state != "closed"
    ]
    return {"status": "degraded" if left_alone else "healthy", "left_alone": left_alone}
