"""The alerts that follow from how things are: raised when a rule holds, resolved when it does not.

Those that an event itself brings about (a budget, a disabled endpoint, a provider that is down) are
raised where it happens, by the same `raise_alert`.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, or_, select

from kyros_worker.alert_rules import AlertRules, FailureRate, NoWorkers, QueueAge
from kyros_worker.bulk import Writes
from kyros_worker.clock import now, rfc3339, rfc3339_or_none
from kyros_worker.cost.breakers import breakers
from kyros_worker.event.tables import Alert
from kyros_worker.fleet.heartbeat import live_workers
from kyros_worker.fleet.maintenance import read_maintenance
from kyros_worker.monitoring.metrics import TASKS
from kyros_worker.monitoring.work import of_role, read_work
from kyros_worker.rollup.spans import A_MINUTE, floor
from kyros_worker.settings import current
from kyros_worker.webhook.alert import raise_alert, resolve_alert
from kyros_worker.words import ROLES

AlertStatus = Literal["raised", "resolved"]
#: The kinds that this sweep decides alone.
_DECIDED_HERE = ("failure_rate", "queue_age", "no_workers")


@dataclass(frozen=True)
class Finding:
    """A rule that holds: the alert's key, what it tells, and whose mode it concerns."""

    key: str
    data: dict[str, Any]
    mode: str | None = None


class Watch:
    """What this dispatcher has seen: since when a fleet has had no worker.

    Another dispatcher, or this one started again, waits anew before it says so.
    """

    def __init__(self) -> None:
        self._alone_since: dict[str, float] = {}

    def alone(self, alive: dict[str, int], at: float) -> dict[str, float]:
        """For how many seconds each fleet without a worker has been so."""
        empty = [fleet for fleet, count in alive.items() if count == 0]
        self._alone_since = {fleet: self._alone_since.get(fleet, at) for fleet in empty}
        return {fleet: at - since for fleet, since in self._alone_since.items()}


def check_alerts(connection: Connection, watch: Watch) -> None:
    """Raises and resolves what the rules say now."""
    rules, at = current().configuration.alerts, now()
    alone = watch.alone(live_workers(connection), time.monotonic())
    found = {one.key: one for one in _findings(connection, rules, alone, at)}
    # Another dispatcher may know of it for longer: only a worker ends that there is none.
    undecided = {_no_workers_key(fleet) for fleet in alone} if rules.no_workers.enabled else set()
    writes = Writes()
    still_open = {row["key"]: row for row in _open_alerts(connection)}
    for key in sorted(found.keys() - still_open.keys()):
        raise_alert(writes, key, found[key].data, at, mode=found[key].mode)
    left_alone = {one.model for one in breakers(connection) if one.state != "closed"}
    for key, row in sorted(still_open.items()):
        if key not in found.keys() | undecided and _is_over(row["data"], at.date(), left_alone):
            message = f"It is over: {row['data']['message']}"
            told = {**row["data"], "message": message, "raised_at": rfc3339(row["raised_at"])}
            resolve_alert(writes, key, told, at, mode=row["mode"])
    writes.execute(connection)


def _open_alerts(connection: Connection) -> list[Any]:
    query = select(*Alert.__table__.columns).where(Alert.resolved_at.is_(None))
    return list(connection.execute(query).mappings())


def _is_over(data: dict[str, Any], today: date, left_alone: set[str]) -> bool:
    """Whether an open alert that no rule finds is over.

    A budget's is when its day is, a provider's also when its model is configured no more. That an
    endpoint is disabled is over when somebody enables or deletes it, and told there.
    """
    if data["kind"] == "budget":
        return date.fromisoformat(data["day"]) < today
    if data["kind"] == "provider_down":
        return data["model"] not in left_alone
    return data["kind"] in _DECIDED_HERE


def _findings(
    connection: Connection, rules: AlertRules, alone: dict[str, float], at: datetime
) -> Iterator[Finding]:
    if rules.failure_rate.enabled:
        yield from _failure_rate(connection, rules.failure_rate, at)
    # While nothing may begin, nothing is late.
    if rules.queue_age.enabled and not read_maintenance(connection)["enabled"]:
        yield from _queue_age(connection, rules.queue_age)
    if rules.no_workers.enabled:
        yield from _no_workers(rules.no_workers, alone)


def _failure_rate(connection: Connection, rule: FailureRate, at: datetime) -> Iterator[Finding]:
    mode = "test" if current().test_mode else "live"
    until = floor(at, A_MINUTE) + A_MINUTE
    window = timedelta(minutes=rule.window_minutes)
    counts = {"completed": 0, "failed": 0}
    for _, row in TASKS.over(connection, mode, [until - window, until]):
        if row["became"] in counts:
            counts[row["became"]] += row["count"]
    tasks = sum(counts.values())
    percentage = 100 * counts["failed"] / tasks if tasks else 0
    if tasks >= rule.least_tasks and percentage >= rule.percentage:
        message = (
            f"{counts['failed']} of the {tasks} tasks that ended in the last"
            f" {rule.window_minutes} min failed ({percentage:.0f}%)."
        )
        figures = {"percentage": round(percentage, 4), "failed": counts["failed"], "tasks": tasks}
        data = {"kind": "failure_rate", "message": message, "mode": mode, **figures}
        yield Finding(f"failure_rate {mode}", data, mode)


def _queue_age(connection: Connection, rule: QueueAge) -> Iterator[Finding]:
    work = read_work(connection)
    for role in ROLES:
        one = of_role(work, role)
        if one.oldest_seconds >= rule.seconds:
            message = (
                f"Work for the {role} has waited for {one.oldest_seconds:.0f} s;"
                f" {one.waiting} submissions wait."
            )
            figures = {"oldest_seconds": round(one.oldest_seconds, 3), "waiting": one.waiting}
            data = {"kind": "queue_age", "message": message, "role": role, **figures}
            yield Finding(f"queue_age {role}", data)


def _no_workers(rule: NoWorkers, alone: dict[str, float]) -> Iterator[Finding]:
    for fleet, seconds in alone.items():
        if seconds >= rule.seconds:
            message = f"There has been no worker of {fleet} for {rule.seconds:g} s."
            data = {"kind": "no_workers", "message": message, "role": fleet}
            yield Finding(_no_workers_key(fleet), data)


def _no_workers_key(fleet: str) -> str:
    return f"no_workers {fleet}"


def newest_alerts(
    connection: Connection,
    mode: str,
    status: AlertStatus | None,
    limit: int,
    after: str | None = None,
) -> list[dict[str, Any]]:
    """The alerts of a mode and of both, newest first, going on after that id."""
    query = select(*Alert.__table__.columns).where(or_(Alert.mode == mode, Alert.mode.is_(None)))
    if status is not None:
        is_open = Alert.resolved_at.is_(None)
        query = query.where(is_open if status == "raised" else ~is_open)
    if after is not None:
        query = query.where(Alert.id < after)
    found = connection.execute(query.order_by(Alert.id.desc()).limit(limit)).mappings()
    return [_present(row) for row in found]


def _present(row: Any) -> dict[str, Any]:
    data = row["data"]
    told = {name: data[name] for name in data if name not in ("kind", "message", "alert", "status")}
    return {
        "id": row["id"],
        "alert": row["key"],
        "kind": data["kind"],
        "message": data["message"],
        "mode": row["mode"],
        "status": "raised" if row["resolved_at"] is None else "resolved",
        "raised_at": rfc3339(row["raised_at"]),
        "resolved_at": rfc3339_or_none(row["resolved_at"]),
        "data": told,
    }
