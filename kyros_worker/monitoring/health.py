"""How all of Kyros is: Postgres, the broker, workers, queues, webhooks, models."""

import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Literal

from sqlalchemy import Connection

from kyros_worker.cost.breakers import ModelHealth, breakers
from kyros_worker.database import is_away, read
from kyros_worker.fleet.heartbeat import live_workers
from kyros_worker.fleet.maintenance import read_maintenance
from kyros_worker.monitoring.counters import read_counter
from kyros_worker.monitoring.work import Backlog, Work, of_role, read_backlog, read_work
from kyros_worker.queue.names import WEBHOOKS
from kyros_worker.settings import current
from kyros_worker.words import ROLES

Overall = Literal["healthy", "degraded", "unhealthy"]
#: `unknown` is what only Postgres could tell while it is away.
Status = Literal["healthy", "degraded", "unhealthy", "unknown"]
Components = dict[str, Any]

#: The counter of requests that were let through since Redis did not answer.
LET_THROUGH = "rate_limits_let_through"

#: A delivery that has been due for so long and was not begun is late.
_LATE_DELIVERY_SECONDS = 300
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
    alive, work = live_workers(connection), read_work(connection)
    in_maintenance = read_maintenance(connection)["enabled"]
    return {
        "database": {"status": "healthy"},
        "broker": _broker(answers=broker_answers),
        "workers": {
            role: {
                "status": "healthy" if alive[role] else "unhealthy",
                "count": alive[role],
                "busy": of_role(work, role).busy,
            }
            for role in ROLES
        },
        "queue": _queue(work, in_maintenance=in_maintenance),
        "webhooks": _webhooks(alive[WEBHOOKS], read_backlog(connection)),
        "models": _models(breakers(connection)),
        "rate_limits": _rate_limits(
            read_counter(connection, LET_THROUGH), broker_answers=broker_answers
        ),
    }


def _without_database(*, broker_answers: bool) -> Components:
    return {
        "database": {"status": "unhealthy"},
        "broker": _broker(answers=broker_answers),
        "workers": {role: {"status": "unknown", "count": None, "busy": None} for role in ROLES},
        "queue": {"status": "unknown", "waiting": None, "oldest_waiting_seconds": None},
        "webhooks": {"status": "unknown", "count": None, "due": None, "oldest_due_seconds": None},
        "models": {"status": "unknown", "left_alone": []},
        "rate_limits": _rate_limits(None, broker_answers=broker_answers),
    }


def _broker(*, answers: bool) -> dict[str, Status]:
    return {"status": "healthy" if answers else "unhealthy"}


def _rate_limits(let_through: int | None, *, broker_answers: bool) -> dict[str, Any]:
    """They are counted in the broker's Redis; without it requests are let through."""
    return {"status": "healthy" if broker_answers else "degraded", "let_through": let_through}


def _queue(work: Work, *, in_maintenance: bool) -> dict[str, Any]:
    """While nothing may begin, nothing is late."""
    oldest = max(one.oldest_seconds for one in work.values())
    late = oldest >= current().configuration.alerts.queue_age.seconds and not in_maintenance
    return {
        "status": "degraded" if late else "healthy",
        "waiting": sum(one.waiting for one in work.values()),
        "oldest_waiting_seconds": round(oldest, 3),
    }


def _webhooks(count: int, backlog: Backlog) -> dict[str, Any]:
    late = backlog.oldest_seconds >= _LATE_DELIVERY_SECONDS
    status: Status = "unhealthy" if count == 0 else "degraded" if late else "healthy"
    return {
        "status": status,
        "count": count,
        "due": backlog.due,
        "oldest_due_seconds": round(backlog.oldest_seconds, 3),
    }


def _models(found: list[ModelHealth]) -> dict[str, Any]:
    left_alone = [
        {"model": one.model, "state": one.state, "error_kind": one.error_kind}
        for one in found
        if one.state != "closed"
    ]
    return {"status": "degraded" if left_alone else "healthy", "left_alone": left_alone}
