"""How many tasks a second one worker process finishes, beside a bare Celery job that does nothing.

Tasks of one role on the sandbox model, which answers at once. They wait in the queue while the
worker is held; then it is let go, and the time until the last of them is final is taken. Celery's
job is drained in the same way, by one process with as many threads.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.intake import unpublished
from bench.rounds import Figure, alone, beside, interleaved, rounds
from bench.stack import Peers, Stack, until

TASKS = 2_000
_TASK = {
    "title": "Answer HEAD requests on /healthz",
    "description": "Some load balancers ask with HEAD and take 405 for a failure. " * 8,
    "type": "chore",
    "metadata": {"sandbox": {"delay_seconds": 0}},
}


def measure(stack: Stack) -> list[Figure]:
    """Tasks a second beside a bare job, and what a task takes of the processor."""
    processor: dict[str, list[float]] = {}
    with Peers(stack) as peers:
        peers.worker()
        ways = {"kyros": lambda: drain(stack, processor), "celery": lambda: _bare(peers)}
        interleaved(ways, 1)
        processor.clear()
        values = interleaved(ways, rounds(10))
    first = beside(
        "end to end, one role", "tasks/s", values["kyros"], "bare Celery no-op", values["celery"]
    )
    names = ("implementer", "postgres", "flower", "redis", "dispatch", "api")
    return [first, *(alone(f"processor of {one}", "ms/task", processor[one]) for one in names)]


def drain(stack: Stack, processor: dict[str, list[float]]) -> float:
    """Tasks a second; to `processor` it adds what each process took for a task, in milliseconds."""
    stack.empty()
    stack.settle()
    with held(stack.pid("implementer")):
        for _ in range(TASKS // 1_000):
            answer = stack.http.post("/v1/tasks/batch", json={"tasks": [_TASK] * 1_000})
            answer.raise_for_status()
        until(lambda: unpublished(stack) == 0, 30, "all are published")
        before = stack.cpu()
    began = time.perf_counter()
    until(lambda: not unfinished(stack), 300, "all tasks are final")
    seconds = time.perf_counter() - began
    for name, used in stack.cpu().items():
        each = (used - before.get(name, 0)) / TASKS * 1_000
        processor.setdefault(name, []).append(each)
    completed = stack.query("SELECT count(*) FROM tasks WHERE state = 'completed'")[0][0]
    if completed != TASKS:
        raise RuntimeError(f"only {completed} of {TASKS} tasks are completed")
    return TASKS / seconds


def _bare(peers: Peers) -> float:
    with held(*peers.pids()):
        peers.send("nothing", range(TASKS))
    began = time.perf_counter()
    until(peers.drained, 300, "all messages are acknowledged")
    return TASKS / (time.perf_counter() - began)


def unfinished(stack: Stack) -> bool:
    """Whether a task waits or runs."""
    time.sleep(0.05)
    statement = "SELECT 1 FROM tasks WHERE mode = 'test' AND state IN ('queued', 'running') LIMIT 1"
    return bool(stack.query(statement))


@contextmanager
def held(*pids: int) -> Iterator[None]:
    """Within, processes do not run."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
