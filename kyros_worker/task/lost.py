"""Taking a submission from a worker that died."""

from typing import Any

from sqlalchemy import Connection, func, select

from kyros_worker.bulk import Writes
from kyros_worker.clock import now
from kyros_worker.event.write import NewEvent
from kyros_worker.submission.claim import give_back
from kyros_worker.submission.create import summary
from kyros_worker.submission.end import call_events, end_submission
from kyros_worker.submission.tables import Submission
from kyros_worker.task.change import TaskEvent, change_task, lock_task
from kyros_worker.task.escalate import close_open
from kyros_worker.task.states import failed
from kyros_worker.task.workflow import MAX_LOST


def take_from_lost_worker(connection: Connection, task_id: str, submission_id: str) -> None:
    """Puts a submission whose lease has expired back into the queue, to be run at once.

    It is not a failed try. But work whose worker died ten times is given up, for it may be the
    work that kills them.
    """
    task = lock_task(connection, task_id)
    lost = _expired(connection, submission_id)
    if task is None or lost is None:
        return
    at = now()
    told: list[NewEvent | TaskEvent] = [*call_events(connection, task, submission_id, "lost", at)]
    writes = Writes()
    if lost["lost"] + 1 < MAX_LOST:
        give_back(writes, (submission_id, lost["claim"]), lost=lost["lost"] + 1)
        told.append(NewEvent("submission.lost", summary(lost)))
        change_task(writes, task, at, {}, told)
    else:
        told += end_submission(connection, task, submission_id, "cancelled", at)
        told += close_open(connection, task, at)
        error = f"The {lost['role']}'s worker died {MAX_LOST} times while it worked on the task."
        change_task(writes, task, at, failed(error, at), [*told, "task.failed"])
    writes.execute(connection)


def _expired(connection: Connection, submission_id: str) -> Any:
    query = select(*Submission.__table__.columns).where(
        Submission.id == submission_id,
        Submission.state == "running",
        Submission.lease_expires_at < func.clock_timestamp(),
    )
    return connection.execute(query).mappings().one_or_none()
