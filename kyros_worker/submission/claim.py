"""Claims: leases on submissions, with fencing.

Every change here is a compare-and-set on the submission's state, and for a running one on its
`claim` number: a duplicate, late or stale message, and a worker that lost its lease, find nothing
to do. The caller holds the task's lock.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Update, func, select, tuple_, update

from kyros_worker.submission.create import wake_dispatcher
from kyros_worker.submission.tables import Submission

_NO_CLAIM: dict[str, Any] = {"claimed_by": None, "lease_expires_at": None}


def task_of(connection: Connection, submission_id: str) -> str | None:
    """The task of a submission that waits to be claimed, else None."""
    query = select(Submission.task_id).where(
        Submission.id == submission_id, Submission.state == "queued"
    )
    return connection.execute(query).scalar_one_or_none()


def claim(
    connection: Connection, submission_id: str, worker: str, lease_seconds: float
) -> RowMapping | None:
    """Takes a queued submission that is due; None when there is nothing to take."""
    statement = (
        update(Submission)
        .where(
            Submission.id == submission_id,
            Submission.state == "queued",
            Submission.due_at <= func.clock_timestamp(),
        )
        .values(
            state="running",
            claim=Submission.claim + 1,
            claimed_by=worker,
            lease_expires_at=_in(lease_seconds),
            started_at=func.coalesce(Submission.started_at, func.now()),
        )
        .returning(Submission)
    )
    return connection.execute(statement).mappings().one_or_none()


def renew(
    connection: Connection, held: list[tuple[str, int]], lease_seconds: float
) -> set[tuple[str, int]]:
    """Renews leases and says which are still held."""
    statement = (
        update(Submission)
        .where(*_running(held))
        .values(lease_expires_at=_in(lease_seconds))
        .returning(Submission.id, Submission.claim)
    )
    return _pairs(connection, statement)


def still_held(connection: Connection, held: list[tuple[str, int]]) -> set[tuple[str, int]]:
    """Which of these claims are still held."""
    query = select(Submission.id, Submission.claim).where(*_running(held))
    return _pairs(connection, query)


def finish(connection: Connection, submission_id: str, claim_number: int, **values: Any) -> bool:
    """Ends a claim with its outcome; False when the lease was lost: nothing is recorded then."""
    statement = _held(submission_id, claim_number).values(
        **values, **_NO_CLAIM, ended_at=func.now()
    )
    return connection.execute(statement).rowcount == 1


def give_back(
    connection: Connection, submission_id: str, claim_number: int, pause: float = 0, **values: Any
) -> bool:
    """Puts a claimed submission back into the queue, due after a pause in seconds.

    False when the lease was lost.
    """
    due = _in(pause)
    statement = _held(submission_id, claim_number).values(
        **values,
        **_NO_CLAIM,
        state="queued",
        due_at=due,
        publish_at=due,
        published=0,
        waiting_since=due,
    )
    if connection.execute(statement).rowcount == 0:
        return False
    if pause == 0:
        wake_dispatcher(connection)
    return True


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


def _held(submission_id: str, claim_number: int) -> Update:
    return update(Submission).where(
        Submission.id == submission_id,
        Submission.claim == claim_number,
        Submission.state == "running",
    )


def _running(held: list[tuple[str, int]]) -> tuple[ColumnElement[bool], ...]:
    return tuple_(Submission.id, Submission.claim).in_(held), Submission.state == "running"


def _pairs(connection: Connection, statement: Any) -> set[tuple[str, int]]:
    return {(row[0], row[1]) for row in connection.execute(statement)}
