"""What must hold in the database whatever happened to the processes, once all work is done."""

from contextlib import closing
from typing import Any

import psycopg2

FINAL_EVENTS = ("task.completed", "task.failed", "task.cancelled")

#: Each finds what must not be.
_NEVER = {
    "a task is not final": """
        SELECT id, state, progress_message FROM tasks
        WHERE state NOT IN ('completed', 'failed', 'cancelled')""",
    "a final task has a submission that waits or runs": """
        SELECT id, task_id, role, state FROM submissions WHERE state IN ('queued', 'running')""",
    "a call of a final task is still started": """
        SELECT id, task_id FROM model_calls WHERE state = 'started'""",
    "a call is recorded twice for one claim": """
        SELECT submission_id, claim, number, count(*) FROM model_calls
        GROUP BY 1, 2, 3 HAVING count(*) > 1""",
    "a claim made more calls than an answer and its correction": """
        SELECT submission_id, claim, max(number) FROM model_calls
        GROUP BY 1, 2 HAVING max(number) > 2""",
    "a submission's answer came from more than one call": """
        SELECT submission_id, count(*) FROM model_calls WHERE state = 'completed'
        GROUP BY 1 HAVING count(*) > 1""",
    "an escalation has not ended": """
        SELECT id, task_id, status FROM escalations WHERE status IN ('requested', 'approved')""",
    "a task names an escalation that has ended": """
        SELECT id, escalation_id FROM tasks WHERE escalation_id IS NOT NULL""",
    "events have gaps": """
        SELECT tasks.id, last_seq, count(seq), min(seq), max(seq) FROM tasks
        LEFT JOIN events ON events.task_id = tasks.id GROUP BY 1, 2
        HAVING count(seq) <> last_seq OR min(seq) <> 1 OR max(seq) <> last_seq""",
    "a task's calls of unknown cost are not counted": """
        SELECT tasks.id, tasks.unpriced_calls, count(model_calls.unpriced) FROM tasks
        LEFT JOIN model_calls ON model_calls.task_id = tasks.id GROUP BY 1, 2
        HAVING tasks.unpriced_calls <> count(model_calls.unpriced)""",
    "a task's cost is not the sum of its calls": """
        SELECT tasks.id, tasks.cost_usd, coalesce(sum(model_calls.cost_usd), 0) FROM tasks
        LEFT JOIN model_calls ON model_calls.task_id = tasks.id GROUP BY 1, 2
        HAVING tasks.cost_usd <> coalesce(sum(model_calls.cost_usd), 0)""",
}


def invariants(database_url: str) -> None:
    """Fails with what is wrong. All work must be done."""
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        for what, statement in _NEVER.items():
            cursor.execute(statement)
            found = cursor.fetchmany(5)
            assert not found, f"{what}: {found}"
        cursor.execute("SELECT id, state, run FROM tasks")
        tasks = {row[0]: row[1:] for row in cursor.fetchall()}
        cursor.execute("SELECT task_id, type, data->>'state' FROM events ORDER BY task_id, seq")
        told: dict[str, list[tuple[str, str | None]]] = {}
        for task_id, kind, state in cursor.fetchall():
            told.setdefault(task_id, []).append((kind, state))
    for task_id, (state, run) in tasks.items():
        _one_end_per_run(task_id, state, run, told[task_id])


def _one_end_per_run(task_id: str, state: str, runs: int, told: list[tuple[str, Any]]) -> None:
    """A run ends with exactly one final event; after it nothing, but the beginning of the next."""
    ended = 0
    is_open = True
    # A request about a final task changes it only when it opens it again.
    of_the_run = [one for one in told if not one[0].startswith("escalation.")]
    for kind, told_state in of_the_run:
        if not is_open:
            opened_again = kind == "task.progress" and told_state == "queued"
            assert opened_again, f"{task_id}: {kind} after the end: {told}"
            is_open = True
        if kind in FINAL_EVENTS:
            ended += 1
            is_open = False
    assert not is_open, f"{task_id} is {state} without a final event: {told}"
    assert ended == runs, f"{task_id}: {runs} runs and {ended} ends: {told}"
    assert of_the_run[-1][0] == f"task.{state}", f"{task_id} is {state}: {told}"
