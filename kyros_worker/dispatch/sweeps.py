"""The sweeps: what is due, expired or waited too long, found by state in Postgres alone."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, func, select, true, update

from kyros_worker.clock import now
from kyros_worker.cost.spending import forget_counters
from kyros_worker.database import is_away, transaction
from kyros_worker.dispatch.publish_again import publish_again
from kyros_worker.escalation.tables import Escalation
from kyros_worker.fleet.heartbeat import forget_lost_workers
from kyros_worker.fleet.maintenance import resumed, to_resume
from kyros_worker.idempotency import remember
from kyros_worker.monitoring.work import sample_queues
from kyros_worker.oauth2.forget import forget_ended as forget_ended_grants
from kyros_worker.rollup import fold
from kyros_worker.settings import current
from kyros_worker.submission.create import wake_dispatcher
from kyros_worker.submission.tables import Submission
from kyros_worker.task.approve import expire_escalation
from kyros_worker.task.cancel import fail_past_deadline
from kyros_worker.task.lost import take_from_lost_worker
from kyros_worker.task.states import OPEN_STATES
from kyros_worker.task.tables import Task
from kyros_worker.user.failures import forget_old_failures
from kyros_worker.user.session import forget_ended_sessions
from kyros_worker.webhook.endpoints import activate_old_rotations

_LOG = logging.getLogger(__name__)
_AT_ONCE = 500
_RAISED_AFTER = timedelta(minutes=10)


def expired_leases() -> None:
    """Puts the work of dead workers back into the queue."""
    # now(), for an index can't be searched by a clock_timestamp() that changes on the way.
    query = select(Submission.task_id, Submission.id).where(
        Submission.state == "running", Submission.lease_expires_at < func.now()
    )
    _each(query, take_from_lost_worker)


def deadlines() -> None:
    """Fails the tasks whose deadline has passed."""
    query = select(Task.id).where(Task.state.in_(OPEN_STATES), Task.deadline_at < now())
    _each(query, fail_past_deadline)


def undecided() -> None:
    """Decides the escalations that nobody decided in time."""
    query = select(Escalation.id, Escalation.task_id).where(
        Escalation.status == "requested", Escalation.due_at < now()
    )
    _each(query, expire_escalation)


def raise_waiting() -> None:
    """Raises what has waited ten minutes by one priority, so that nothing starves."""
    waiting = (
        select(Submission.id)
        .where(
            Submission.state == "queued",
            Submission.priority > 0,
            Submission.waiting_since < func.now() - _RAISED_AFTER,
        )
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
        # As a subquery it could be asked for each row again, and the limit would be none.
        .cte("waiting")
    )
    statement = (
        update(Submission)
        .where(Submission.id == waiting.c.id)
        .values(priority=Submission.priority - 1, waiting_since=func.now(), publish_at=func.now())
    )
    with transaction() as connection:
        if connection.execute(statement).rowcount:
            wake_dispatcher(connection)


def old_answers() -> None:
    """Forgets the first answers to requests that are too old to be repeated."""
    with transaction() as connection:
        remember.expire(connection, _AT_ONCE)


def old_rotations() -> None:
    """Activates the secrets of webhooks that have been pending for a day."""
    with transaction() as connection:
        activate_old_rotations(connection)


def ended_sessions() -> bool:
    """Forgets the sessions that ended by themselves, and old counts of wrong passwords.

    Whether there may be more of them.
    """
    with transaction() as connection:
        sessions = forget_ended_sessions(connection, _AT_ONCE)
        failures = forget_old_failures(connection, _AT_ONCE)
    return max(sessions, failures) >= _AT_ONCE


def ended_grants() -> bool:
    """Forgets OAuth2's codes and tokens a week after their time, and grants that have none left.

    Whether there may be more of them.
    """
    with transaction() as connection:
        return forget_ended_grants(connection, _AT_ONCE) >= _AT_ONCE


def lost_workers() -> None:
    """Forgets the workers that have not been seen for long."""
    with transaction() as connection:
        forget_lost_workers(connection)


def fold_increments() -> None:
    """Folds into sums what rows have added to them meanwhile, a part in each transaction."""
    count = fold.AT_ONCE
    while count >= fold.AT_ONCE:
        with transaction() as connection:
            count = fold.fold(connection)


def old_sums() -> None:
    """Forgets the sums that no period reaches any more."""
    with transaction() as connection:
        fold.forget_old(connection)


def unasked_counters() -> None:
    """Forgets what days' budgets counted that are over, or were taken away."""
    with transaction() as connection:
        forget_counters(connection, current().configuration.budgets, now().date())


def queue_samples() -> None:
    """Keeps how deep the queues are, once in a minute."""
    with transaction() as connection:
        sample_queues(connection)


def after_maintenance() -> None:
    """Publishes again what could not begin, as soon as maintenance has ended.

    Its messages are gone: workers found nothing to do. Who dies in between repeats it.
    """
    with transaction() as connection:
        ended_at = to_resume(connection)
    if ended_at is None:
        return
    count = publish_again(true())
    with transaction() as connection:
        resumed(connection, ended_at)
        wake_dispatcher(connection)
    _LOG.info("Maintenance has ended: %s queued submissions are published again.", count)


def _each(query: Select[*tuple[Any, ...]], change: Callable[..., None]) -> None:
    """Changes each found row in a transaction of its own; one fault does not hold up the others."""
    with transaction() as connection:
        found = connection.execute(query.limit(_AT_ONCE)).all()
    for row in found:
        try:
            with transaction() as connection:
                change(connection, *row)
        except Exception as error:
            if is_away(error):
                raise
            _LOG.exception("%s failed for %s; the sweep goes on.", change.__name__, row[0])
