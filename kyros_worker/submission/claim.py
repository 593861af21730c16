"""Claims: leases on submissions, with fencing.

Every change here is a compare-and-set on the submission's state, and for a running one on its
`claim` number: a duplicate, late or stale message, and a worker that lost its lease, find nothing
to do. The caller holds the task's lock.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Interval,
    RowMapping,
    Subquery,
    bindparam,
    column,
    func,
    select,
    tuple_,
    update,
)

from kyros_worker.bulk import BulkWrite, Writes, is_one_of, rows_of, updating
from kyros_worker.fleet.maintenance import is_on
from kyros_worker.prepared import PREPARED
from kyros_worker.submission.create import QUEUE_CHANNEL
from kyros_worker.submission.tables import Submission

#: A claim, by its submission's id and its number.
Held = tuple[str, int]

_NO_CLAIM: dict[str, Any] = {"claimed_by": None, "lease_expires_at": None}


def claim(
    connection: Connection,
    submission_ids: Sequence[str],
    task_ids: Collection[str],
    worker: str,
    lease_seconds: float,
) -> Sequence[RowMapping]:
    """Takes those of the submissions of these locked tasks that are queued and due; gives them.

    During maintenance none.
    """
    values = {
        "ids": list(submission_ids),
        "task_ids": list(task_ids),
        "worker": worker,
        "lease": timedelta(seconds=lease_seconds),
    }
    return connection.execute(_CLAIM, values).mappings().all()


_CLAIM = (
    update(Submission)
    .where(
        is_one_of(Submission.id, "ids"),
        is_one_of(Submission.task_id, "task_ids"),
        Submission.state == "queued",
        Submission.due_at <= func.clock_timestamp(),
        ~is_on(),
    )
    .values(
        state="running",
        claim=Submission.claim + 1,
        claimed_by=bindparam("worker"),
        lease_expires_at=func.clock_timestamp() + bindparam("lease", type_=Interval),
        started_at=func.coalesce(Submission.started_at, func.now()),
    )
    .returning(Submission)
    .execution_options(**PREPARED)
)


def renew(connection: Connection, held: list[Held], lease_seconds: float) -> set[Held]:
    """Renews leases and says which are still held."""
    statement = (
        update(Submission)
        .where(*_running(held))
        .values(lease_expires_at=_in(lease_seconds))
        .returning(Submission.id, Submission.claim)
    )
    return _pairs(connection, statement)


def still_held(connection: Connection, held: list[Held]) -> set[Held]:
    """Which of these claims are still held."""
    query = select(Submission.id, Submission.claim).where(*_running(held))
    return _pairs(connection, query)


def _held(rows: Subquery) -> tuple[ColumnElement[bool], ...]:
    """The submissions whose claim a row names, as long as it stands."""
    return (
        Submission.id == rows.c.id,
        Submission.claim == rows.c.claim,
        Submission.state == "running",
    )


_FINISHED = ("id", "claim", "state", "answer", "error_kind", "error", "decision")
_finished = rows_of(Submission, "finished", _FINISHED)
_FINISH = BulkWrite(
    "finished",
    _FINISHED,
    update(Submission)
    .where(*_held(_finished))
    .values(
        state=_finished.c.state,
        answer=_finished.c.answer,
        error_kind=_finished.c.error_kind,
        error=_finished.c.error,
        decision=_finished.c.decision,
        **_NO_CLAIM,
        ended_at=func.now(),
    ),
)

_KEPT = ("tries", "lost", "error_kind", "error")
_given_back = rows_of(Submission, "given_back", ("id", "claim", *_KEPT), column("pause", Float))
_due = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, _given_back.c.pause)
_GIVEN_BACK = BulkWrite(
    "given_back",
    ("id", "claim", *_KEPT, "pause"),
    update(Submission)
    .where(*_held(_given_back))
    .values(
        {name: func.coalesce(_given_back.c[name], Submission.__table__.c[name]) for name in _KEPT}
        | _NO_CLAIM
        | {"state": "queued", "published": 0}
        | dict.fromkeys(("due_at", "publish_at", "waiting_since"), _due)
    ),
)


def give_back(writes: Writes, held: Held, pause: float = 0, **values: Any) -> None:
    """Puts a claimed submission back into the queue, due after a pause in seconds.

    `values` are its new `tries`, `lost`, `error_kind` and `error`, as far as they change.
    """
    submission_id, claim_number = held
    writes.add(_GIVEN_BACK, {"id": submission_id, "claim": claim_number, "pause": pause, **values})
    if pause == 0:
        writes.notify(QUEUE_CHANNEL)


#: A claimed submission that a rule starts on premium.
_RAISED = updating("raised", Submission, ["tier", "escalation_id"])


def start_on_premium(writes: Writes, submission_id: str, escalation_id: str) -> None:
    """Has a claimed submission be a premium one, which completes that escalation."""
    row = {"id": submission_id, "tier": "premium", "escalation_id": escalation_id}
    writes.add(_RAISED, row)


def finish(writes: Writes, held: Held, **values: Any) -> None:
    """Ends a claim with its outcome: `state`, `answer` or `error_kind` and `error`, `decision`."""
    submission_id, claim_number = held
    writes.add(_FINISH, {"id": submission_id, "claim": claim_number, **values})


def end(connection: Connection, submission_id: str, state: str) -> RowMapping | None:
    """Ends an unfinished submission from outside: `cancelled` or `superseded`.

    Its worker, if it has one, loses the lease by this. None when it was ended already.
    """
    statement = (
        update(Submission)
        .where(Submission.id == submission_id, Submission.state.in_(("queued", "running")))
        .values(state=state, **_NO_CLAIM, ended_at=func.now())
        .returning(Submission)
    )
    return connection.execute(statement).mappings().one_or_none()


def _in(seconds: float) -> Any:
    return func.clock_timestamp() + timedelta(seconds=seconds)


def _running(held: list[Held]) -> tuple[ColumnElement[bool], ...]:
    return tuple_(Submission.id, Submission.claim).in_(held), Submission.state == "running"


def _pairs(connection: Connection, statement: Any) -> set[Held]:
    return {(row[0], row[1]) for row in connection.execute(statement)}
