"""How long a task waits for an idle worker, beside bare Celery, at low load.

Twenty a second at irregular moments. Of a task: from its creation in the API (`created_at`, before
its transaction) to the beginning of the transaction that claims it; its way leads through
Postgres, the dispatcher and Redis. Of a bare job: from before `.delay()` to its first line.
"""

import math
import random
import time

from bench.rounds import Figure, difference, rounds
from bench.stack import Peers, Stack, until

EACH = 200
_TASK = {
    "title": "Answer HEAD requests on /healthz",
    "type": "chore",
    "metadata": {"sandbox": {"delay_seconds": 0}},
}


def measure(stack: Stack) -> list[Figure]:
    """Median and 99th percentile, in milliseconds, as a difference."""
    values: dict[str, list[float]] = {"ours p50": [], "ours p99": [], "p50": [], "p99": []}
    with Peers(stack) as peers:
        peers.worker()
        _tasks(stack)
        _jobs(peers)
        for _ in range(rounds(5)):
            for prefix, waited in (("ours ", _tasks(stack)), ("", _jobs(peers))):
                values[f"{prefix}p50"].append(_rank(waited, 50))
                values[f"{prefix}p99"].append(_rank(waited, 99))
    return [
        difference(f"enqueue to start, {p}", "ms", values[f"ours {p}"], "bare Celery", values[p])
        for p in ("p50", "p99")
    ]


def _rank(ordered: list[float], percent: int) -> float:
    """The smallest value that so many per cent are not above (the nearest rank)."""
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


def _tasks(stack: Stack) -> list[float]:
    stack.empty()
    for pause in _pauses():
        time.sleep(pause)
        stack.http.post("/v1/tasks", json=_TASK).raise_for_status()
    statement = (
        "SELECT extract(epoch FROM submissions.started_at - tasks.created_at) * 1000"
        " FROM tasks JOIN submissions ON submissions.task_id = tasks.id"
        " WHERE submissions.started_at IS NOT NULL"
    )
    until(lambda: len(stack.query(statement)) == EACH, 30, "all tasks have started")
    return sorted(float(row[0]) for row in stack.query(statement))


def _jobs(peers: Peers) -> list[float]:
    peers.stamps.unlink(missing_ok=True)
    for pause in _pauses():
        time.sleep(pause)
        peers.send_stamp()
    until(lambda: len(_stamped(peers)) == EACH, 30, "all jobs have started")
    return sorted(_stamped(peers))


def _stamped(peers: Peers) -> list[float]:
    if not peers.stamps.exists():
        return []
    return [float(line) * 1_000 for line in peers.stamps.read_text().splitlines()]


def _pauses() -> list[float]:
    chance = random.Random(7)  # nosec B311  # noqa: S311 - the same moments for both
    return [chance.expovariate(20) for _ in range(EACH)]
