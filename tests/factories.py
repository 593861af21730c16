"""Tasks for tests: made as the API makes them, and worked on without any worker's process."""

import asyncio
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import select, update

from kyros_worker.agent.ask import Reply, ask
from kyros_worker.auth.subject import Subject
from kyros_worker.cost.tables import ModelCall
from kyros_worker.database import read, transaction
from kyros_worker.event.tables import Event
from kyros_worker.model.failure import Failure
from kyros_worker.model.usage import NOTHING
from kyros_worker.submission.tables import Submission
from kyros_worker.task.approve import request_escalation
from kyros_worker.task.cancel import cancel_task
from kyros_worker.task.create import create_tasks
from kyros_worker.task.record import Ended, record
from kyros_worker.task.schemas import NewTask
from kyros_worker.task.start import start
from kyros_worker.task.tables import Task

WHO = Subject("key_0000000000001", "test", frozenset({"admin"}))
WORKER = "tests:1"


def new_task(*, sandbox=None, **fields):
    """What a client would send; the sandbox takes no time."""
    metadata = fields.pop("metadata", {})
    metadata = {**metadata, "sandbox": {"delay_seconds": 0, **(sandbox or {})}}
    return NewTask(**{"title": "Add a login", "metadata": metadata, **fields})


def create(who=WHO, **fields):
    """A task as it is answered."""
    return create_all(new_task(**fields), who=who)[0]


def create_all(*new_tasks, who=WHO, request_id="req_1"):
    with transaction() as connection:
        return create_tasks(connection, new_tasks, who, request_id)


def begin(submission_id, worker=WORKER):
    """The first of a job's two transactions: the claimed work, or None."""
    with transaction() as connection:
        return start(connection, [submission_id], worker)[0]


def answer_of(work):
    """What the sandbox answers."""
    return asyncio.run(ask(work.brief, work.model, work.correction))


def finish(work, reply=None):
    """The second: records the reply (the sandbox's own, if none is given)."""
    with transaction() as connection:
        return recorded(connection, work, reply or answer_of(work))


def recorded(connection, work, reply):
    """Whether a reply was recorded: its lease still stood."""
    (outcome,) = record(connection, [Ended(work, reply)])
    return outcome in ("completed", "failed", "retrying")


def run(task_id):
    """Works on a task until it is final, as the roles' workers would; gives its row."""
    while (task := row(Task, task_id)).state in ("queued", "running"):
        make_due(task.submission_id)
        finish(begin(task.submission_id))
    return task


def row(table, key):
    with read() as connection:
        return connection.execute(select(table).where(table.id == key)).one()


def change(table, key, **values):
    """Changes a row behind the product's back, as time or a crash would."""
    with transaction() as connection:
        connection.execute(update(table).where(table.id == key).values(**values))


def make_due(submission_id):
    """The pause before another try is over."""
    change(Submission, submission_id, due_at=Submission.due_at - timedelta(days=1))


def expire(submission_id):
    """The worker has not renewed its lease: it died."""
    change(
        Submission,
        submission_id,
        lease_expires_at=Submission.lease_expires_at - timedelta(days=1),
    )


def submissions(task_id):
    return _of_task(Submission, task_id, Submission.id)


def calls(task_id):
    return _of_task(ModelCall, task_id, ModelCall.id)


def events(task_id):
    """Every event, in order, after checking that their numbers have no gap."""
    found = _of_task(Event, task_id, Event.seq)
    assert [event.seq for event in found] == list(range(1, len(found) + 1))
    assert row(Task, task_id).last_seq == len(found)
    return found


def types(task_id):
    return [event.type for event in events(task_id)]


def _of_task(table, task_id, order):
    with read() as connection:
        return connection.execute(
            select(table).where(table.task_id == task_id).order_by(order)
        ).all()


def in_state(state, **fields):
    """A task in a state: one of the contract's, or a finer one, "between" and "waiting"."""
    task_id = create(**fields)["id"]
    if state == "running":
        begin(current_submission(task_id))
    elif state == "between":  # running, while its next role's submission waits for a worker
        finish(begin(current_submission(task_id)))
    elif state == "waiting":  # running, while a failed try waits for the next
        finish(begin(current_submission(task_id)), failed_reply())
    elif state == "awaiting_approval":
        with transaction() as connection:
            request_escalation(
                connection, task_id, WHO, reason="It matters.", priority=None, request_id="req_1"
            )
    elif state == "completed":
        run(task_id)
    elif state == "failed":
        finish(begin(current_submission(task_id)), failed_reply(retryable=False))
    elif state == "cancelled":
        with transaction() as connection:
            cancel_task(connection, task_id, "test")
    return task_id


def current_submission(task_id):
    return row(Task, task_id).submission_id


def failed_reply(*, retryable=True, kind="server_error", **fields):
    return Reply(**{
        "answer": None, "failure": Failure(kind, "The provider failed.", retryable), "text": "",
        "usage": NOTHING, "cost_usd": Decimal(0), "latency_seconds": 0.1, **fields,
    })  # fmt: skip
