"""How many deliveries a second one process of the fleet `webhooks` makes, to 50 endpoints.

Beside a bare Celery job that posts the same bytes over a pooled connection, by one process with 32
threads, and by two. Deliveries wait while the process is held; then it is let go, and the time
until the last is delivered and its attempt stored is taken. All go to one receiver that answers at
once.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.end_to_end import held, unfinished
from bench.rounds import Figure, alone, beside, interleaved, rounds
from bench.stack import Peers, Stack, until
from kyros_worker.settings import PROJECT_ROOT

ENDPOINTS = 50
TASKS = 100
DELIVERIES = ENDPOINTS * TASKS
_TASK = {
    "title": "Answer HEAD requests on /healthz",
    "description": "Some load balancers ask with HEAD and take 405 for a failure.",
    "type": "chore",
    "metadata": {"sandbox": {"delay_seconds": 0}},
}


def measure(stack: Stack) -> list[Figure]:
    """Deliveries a second beside bare posts, and what a delivery takes of the processor."""
    processor: dict[str, list[float]] = {}
    with sink() as url:
        subscribe(stack, url)
        stack.environ |= {"PEER_URL": url, "PEER_BODY": _body(stack)}
        with (
            Peers(stack, concurrency=32) as threads,
            Peers(stack, concurrency=2, database=2) as processes,
        ):
            threads.worker()
            processes.worker("prefork")
            ways = {
                "kyros": lambda: drain(stack, processor),
                "threads": lambda: _bare(threads),
                "prefork": lambda: _bare(processes),
            }
            interleaved(ways, 1)
            processor.clear()
            values = interleaved(ways, rounds(7))
    name, unit = f"deliveries to {ENDPOINTS} endpoints", "deliveries/s"
    return [
        beside(name, unit, values["kyros"], "requests.post, 32 threads", values["threads"]),
        beside(name, unit, values["kyros"], "requests.post, 2 processes", values["prefork"]),
        *(
            alone(f"processor of {one}", "ms/delivery", processor[one])
            for one in ("webhooks", "postgres", "dispatch", "redis")
        ),
    ]


@contextmanager
def sink() -> Iterator[str]:
    """The address of a receiver in a process of its own."""
    command = [sys.executable, "-m", "bench.peers.sink"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def subscribe(stack: Stack, url: str) -> None:
    """Makes the endpoints: paths of one receiver."""
    for number in range(ENDPOINTS):
        body = {"url": f"{url}{number}", "events": ["task.created"]}
        stack.http.post("/v1/webhooks", json=body).raise_for_status()


def drain(stack: Stack, processor: dict[str, list[float]]) -> float:
    """Deliveries a second; to `processor` it adds what each process took for one, in ms."""
    stack.empty()
    stack.query("TRUNCATE deliveries, delivery_attempts, event_bodies")
    stack.settle()
    with held(stack.pid("webhooks")):
        tasks = {"tasks": [_TASK] * TASKS}
        stack.http.post("/v1/tasks/batch", json=tasks).raise_for_status()
        until(lambda: not unfinished(stack), 60, "all tasks are final")
        before = stack.cpu()
    began = time.perf_counter()
    until(lambda: not _open(stack), 300, "all is delivered")
    seconds = time.perf_counter() - began
    for name, used in stack.cpu().items():
        each = (used - before.get(name, 0)) / DELIVERIES * 1_000
        processor.setdefault(name, []).append(each)
    ((delivered, attempts),) = stack.query(
        "SELECT count(DISTINCT id), count(*) FROM deliveries"
        " JOIN delivery_attempts ON delivery_id = id AND status_code = 200"
        " WHERE state = 'delivered'"
    )
    if (delivered, attempts) != (DELIVERIES, DELIVERIES):
        raise RuntimeError(f"{delivered} of {DELIVERIES} were delivered, in {attempts} attempts")
    return DELIVERIES / seconds


def _open(stack: Stack) -> bool:
    time.sleep(0.05)
    statement = "SELECT 1 FROM deliveries WHERE state IN ('pending', 'sending') LIMIT 1"
    return bool(stack.query(statement))


def _bare(peers: Peers) -> float:
    with held(*peers.pids()):
        peers.send("post", range(DELIVERIES))
    began = time.perf_counter()
    until(peers.drained, 300, "all messages are acknowledged")
    return DELIVERIES / (time.perf_counter() - began)


def _body(stack: Stack) -> str:
    """The path of a file with the bytes of a delivery."""
    stack.http.post("/v1/tasks", json=_TASK).raise_for_status()
    until(lambda: stack.query("SELECT 1 FROM event_bodies LIMIT 1"), 10, "a body is written")
    file = stack.folder / "body.json"
    file.write_text(stack.query("SELECT body FROM event_bodies LIMIT 1")[0][0])
    return str(file)
