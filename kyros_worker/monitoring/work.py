"""What waits for workers now, and what they have in hand, as the rows say."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Interval, cast, func, literal_column, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from kyros_worker.clock import now
from kyros_worker.rollup.spans import A_MINUTE, floor
from kyros_worker.rollup.tables import QueueSample
from kyros_worker.submission.tables import Submission
from kyros_worker.task.states import OPEN_STATES
from kyros_worker.task.tables import Task
from kyros_worker.webhook.tables import Delivery, Webhook, is_open
from kyros_worker.words import ROLES

MODES = ("live", "test")


@dataclass(frozen=True)
class RoleWork:
    """The submissions of a role."""

    #: Due: a worker could begin them now.
    waiting: int = 0
    #: Queued, and due later: a pause before another try, a budget or a provider that is waited for.
    later: int = 0
    #: Claimed by a worker.
    in_flight: int = 0
    #: Workers that have claimed any.
    busy: int = 0
    #: How long the oldest that waits has been due.
    oldest_seconds: float = 0


@dataclass(frozen=True)
class Backlog:
    """Deliveries that are due, at enabled endpoints."""

    due: int
    oldest_seconds: float


_ZERO = timedelta(0)
_is_of_open_task = (
    (Task.id == Submission.task_id) & Task.mode.in_(MODES) & Task.state.in_(OPEN_STATES)
)
_is_due = Submission.due_at <= func.now()
_QUEUED = (
    select(
        Task.mode,
        Submission.role,
        func.count().filter(_is_due).label("waiting"),
        func.count().filter(~_is_due).label("later"),
        (func.now() - func.min(Submission.due_at).filter(_is_due)).label("oldest"),
    )
    .join(Task, _is_of_open_task)
    .where(Submission.state == literal_column("'queued'"))
    .group_by(Task.mode, Submission.role)
)
_RUNNING = (
    select(
        Task.mode,
        Submission.role,
        func.count().label("in_flight"),
        func.count(Submission.claimed_by.distinct()).label("busy"),
    )
    .join(Task, _is_of_open_task)
    .where(Submission.state == literal_column("'running'"))
    # Of both modes together, too, as mode None: a worker may work for both.
    .group_by(func.grouping_sets(tuple_(Task.mode, Submission.role), tuple_(Submission.role)))
)


#: Roles' work by mode and role; of both modes together the mode is None.
Work = dict[tuple[str | None, str], RoleWork]


def read_work(connection: Connection) -> Work:
    """The work of every role, in each mode and in both."""
    found: dict[tuple[str | None, str], dict[str, Any]] = {
        (mode, role): {} for mode in (*MODES, None) for role in ROLES
    }
    for row in connection.execute(_QUEUED).mappings():
        oldest = row["oldest"] or _ZERO
        found[row["mode"], row["role"]] |= {
            "waiting": row["waiting"],
            "later": row["later"],
            "oldest_seconds": max(0.0, oldest.total_seconds()),
        }
    for row in connection.execute(_RUNNING).mappings():
        found[row["mode"], row["role"]] |= {"in_flight": row["in_flight"], "busy": row["busy"]}
    return {key: RoleWork(**values) for key, values in found.items()}


def of_role(work: Work, role: str) -> RoleWork:
    """The work of a role, of both modes together: the same workers do it."""
    both = [work[mode, role] for mode in MODES]
    return RoleWork(
        waiting=sum(one.waiting for one in both),
        later=sum(one.later for one in both),
        in_flight=work[None, role].in_flight,
        busy=work[None, role].busy,
        oldest_seconds=max(one.oldest_seconds for one in both),
    )


def waiting(work: Work, mode: str) -> int:
    """How many submissions of a mode wait for a worker: the depth of its queues."""
    return sum(one.waiting for (of, _), one in work.items() if of == mode)


def sample_queues(connection: Connection) -> None:
    """Keeps how deep the queues are, once in a minute; of many who would, one does."""
    minute = floor(now(), A_MINUTE)
    seen = select(QueueSample.at).where(QueueSample.mode == MODES[0], QueueSample.at == minute)
    if connection.execute(seen).first() is None:
        _keep(connection, minute, read_work(connection))


def _keep(connection: Connection, minute: datetime, work: Work) -> None:
    rows = [{"mode": mode, "at": minute, "waiting": waiting(work, mode)} for mode in MODES]
    connection.execute(insert(QueueSample).values(rows).on_conflict_do_nothing())


_BACKLOG = (
    select(func.count(), cast(func.now() - func.min(Delivery.due_at), Interval))
    .join(Webhook, Webhook.id == Delivery.webhook_id)
    .where(
        Webhook.enabled,
        Webhook.deleted_at.is_(None),
        is_open(Delivery),
        Delivery.state == "pending",
        Delivery.due_at <= func.now(),
    )
)


def read_backlog(connection: Connection, modes: Iterable[str] = MODES) -> Backlog:
    """The deliveries that are late, of these modes."""
    due, late = connection.execute(_BACKLOG.where(Webhook.mode.in_(list(modes)))).one()
    return Backlog(due, 0.0 if late is None else late.total_seconds())
