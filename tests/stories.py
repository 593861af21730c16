"""Random stories of tasks, and what they add up to, in plain SQL over the rows and their events."""

import random
from collections import Counter
from decimal import Decimal

from sqlalchemy import text

from kyros_worker.audit.actor import SYSTEM
from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.dispatch import sweeps
from kyros_worker.submission.tables import Submission
from kyros_worker.task.approve import approve_escalation, reject_escalation, request_escalation
from kyros_worker.task.cancel import cancel_task
from kyros_worker.task.lost import take_from_lost_worker
from kyros_worker.task.reopen import retry_task
from kyros_worker.task.submit import submit_task
from kyros_worker.task.tables import Task
from kyros_worker.webhook.record import Attempted, record_attempts
from kyros_worker.webhook_times import WebhookTimes
from tests import factories
from tests.factories import WHO

#: Types are open: any of these is one.
TYPES = ("implementation", "review", "deployment", "a", "odd-type_9", "z" * 64)
STATES = (
    "queued", "running", "between", "waiting", "awaiting_approval", "completed", "failed",
    "cancelled",
)  # fmt: skip
_ALL_TASKS = "SELECT id FROM tasks ORDER BY id"


def live_through(seed, count=25):
    """Makes tasks and has things happen to them, the same for the same seed."""
    chance = random.Random(seed)
    ids = []
    for _ in range(count):
        sandbox = chance.choice([{}, {"refusals": 3}, {"confidence": 0.1}, {"decision": "no_go"},
                                 {"error": "timeout", "error_times": 1}])  # fmt: skip
        ids.append(
            factories.in_state(chance.choice(STATES), type=chance.choice(TYPES), sandbox=sandbox)
        )
        for _ in range(chance.randrange(3)):
            _happen(chance, chance.choice(ids))


def _happen(chance, task_id):
    task = factories.row(Task, task_id)
    if task.state in ("failed", "cancelled"):
        with transaction() as connection:
            retry_task(connection, task_id, "test", "req_1")
    elif task.state == "completed":
        with transaction() as connection:
            submit_task(connection, task_id, "critic", {"more": 1}, mode="test", request_id="req_1")
    elif task.state == "awaiting_approval":
        decide = chance.choice([approve_escalation, reject_escalation])
        with transaction() as connection:
            decide(connection, task.escalation_id, WHO, SYSTEM, None)
    elif task.state == "running" and chance.random() < 0.4:
        if factories.row(Submission, task.submission_id).state == "running":
            factories.expire(task.submission_id)
            with transaction() as connection:
                take_from_lost_worker(connection, task_id, task.submission_id)
    elif chance.random() < 0.5 and task.escalation_id is None and not task.premium_roles:
        with transaction() as connection:
            request_escalation(connection, task_id, WHO, reason="It matters.", priority=None,
                               request_id="req_1")  # fmt: skip
    else:
        with transaction() as connection:
            cancel_task(connection, task_id, "test")


def attempt(delivery_id, *codes):
    """One attempt of a claimed delivery for each code; 0 is a fault."""
    for code in codes:
        with transaction() as connection:
            connection.execute(
                text("UPDATE deliveries SET state = 'sending', claim = claim + 1 WHERE id = :id"),
                {"id": delivery_id},
            )
            claim = connection.execute(
                text("SELECT claim FROM deliveries WHERE id = :id"), {"id": delivery_id}
            ).scalar_one()
            tried = Attempted(delivery_id, claim, now(), 0.1, status_code=code or None,
                              error=None if code else "It hung.")  # fmt: skip
            record_attempts(connection, [tried], WebhookTimes())


def fold_all():
    sweeps.fold_increments()


def rows(statement, **values):
    with read() as connection:
        return connection.execute(text(statement), values).all()


#: Every change of state that a task's events tell of.
_CHANGES = """
SELECT tasks.mode, tasks.type, told.was, told.became, told.at, told.escalated,
    CASE WHEN told.completed_at IS NOT NULL THEN
        greatest(0, extract(epoch FROM told.completed_at - tasks.created_at)) END AS took
FROM (
    SELECT task_id, created_at AS at, data->>'state' AS became,
        lag(data->>'state') OVER (PARTITION BY task_id ORDER BY seq) AS was,
        (data->>'escalated')::boolean AS escalated,
        (data->>'completed_at')::timestamptz AS completed_at
    FROM events WHERE type LIKE 'task.%'
) AS told JOIN tasks ON tasks.id = told.task_id
WHERE told.was IS DISTINCT FROM told.became
"""
_STATUS = {"queued": "pending", "running": "in_progress", "awaiting_approval": "in_progress",
           "completed": "completed", "failed": "failed", "cancelled": "failed"}  # fmt: skip


def entered(mode="test"):
    """How often tasks entered a status, by status and type."""
    counted = Counter()
    for row in rows(_CHANGES):
        if row.mode == mode and _STATUS[row.became] != _STATUS.get(row.was):
            counted[_STATUS[row.became], row.type] += 1
    return counted


def tasks_now(mode="test"):
    query = "SELECT state, status, type, count(*) AS n FROM tasks WHERE mode = :mode GROUP BY 1,2,3"
    return {(row.state, row.status, row.type): row.n for row in rows(query, mode=mode)}


def ends(mode="test", since=None):
    """What the ends of tasks say: (completed, failed, escalated of them, all seconds)."""
    found = [row for row in rows(_CHANGES) if row.mode == mode and row.took is not None]
    found = [row for row in found if since is None or row.at >= since]
    judged = [row for row in found if row.became != "cancelled"]
    return {
        "completed": sum(row.became == "completed" for row in judged),
        "judged": len(judged),
        "escalated": sum(row.escalated for row in judged),
        "seconds": [row.took for row in found],
    }


def calls(mode="test"):
    """By provider:model and role: calls, and what they cost by reported usage and by estimate."""
    query = (
        "SELECT provider || ':' || model AS model, role, tier, count(*) AS calls,"
        " coalesce(sum(cost_usd) FILTER (WHERE NOT estimated), 0) AS cost,"
        " coalesce(sum(cost_usd) FILTER (WHERE estimated), 0) AS estimated,"
        " coalesce(sum(input_tokens), 0) AS input, coalesce(sum(output_tokens), 0) AS output,"
        " count(latency_seconds) AS timed, count(*) FILTER (WHERE latency_seconds <= 1) AS second"
        " FROM model_calls WHERE mode = :mode AND state <> 'started' GROUP BY 1, 2, 3"
    )
    return {(row.model, row.role, row.tier): row for row in rows(query, mode=mode)}


def spent(mode="test"):
    query = (
        "SELECT coalesce(sum(cost_usd), 0) FROM model_calls WHERE mode = :m AND state <> 'started'"
    )
    return Decimal(rows(query, m=mode)[0][0])


def escalations():
    """How often escalations entered a status."""
    query = (
        "SELECT substr(type, 12), count(*) FROM events WHERE type LIKE 'escalation.%' GROUP BY 1"
    )
    return {row[0]: row[1] for row in rows(query)}


def call_errors():
    query = (
        "SELECT provider || ':' || model, error_kind, count(*) FROM model_calls"
        " WHERE error_kind IS NOT NULL AND state <> 'started' GROUP BY 1, 2"
    )
    return {(row[0], row[1]): row[2] for row in rows(query)}
