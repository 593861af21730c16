"""How many tasks a second `POST /v1/tasks` takes in, everything on, beside bare Flask.

The workers run in both, at work that takes ten seconds, as a model's answer does.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from bench import load
from bench.rounds import Figure, beside, interleaved, rounds
from bench.stack import KEY, Peers, Stack, until

CONNECTIONS = 32
SECONDS = 4
WORK_SECONDS = 10
WATCHERS = 200

TASK = {
    "title": "Answer HEAD requests on /healthz",
    "description": "Some load balancers ask with HEAD and take 405 for a failure. " * 8,
    "priority": "high",
    "acceptance_criteria": ["HEAD /healthz answers 200 without a body", "GET stays as it is"],
    "files_to_modify": ["api/probes.py", "tests/api/test_probes.py"],
    "metadata": {"ticket": "OPS-114", "sandbox": {"delay_seconds": WORK_SECONDS}},
}
BODY = json.dumps(TASK).encode()


def measure(stack: Stack) -> list[Figure]:
    """Intake beside a bare view that calls `.delay()`, and beside one that inserts a row."""
    with Peers(stack, seconds=WORK_SECONDS) as peers:
        peers.web()
        peers.worker()
        ways = {
            "kyros": lambda: take_in(stack),
            "delay": lambda: _peer(stack, peers, "/delay"),
            "insert": lambda: _peer(stack, peers, "/insert"),
        }
        for warm_up in ways.values():
            warm_up()
        values = interleaved(ways, rounds(20))
    return [
        beside("intake", "tasks/s", values["kyros"], "Flask + .delay()", values["delay"]),
        beside("intake", "tasks/s", values["kyros"], "Flask + insert", values["insert"]),
    ]


def measure_watched(stack: Stack) -> list[Figure]:
    """Intake while 200 watchers wait, beside intake alone."""

    def watched() -> float:
        with _watchers(stack):
            return take_in(stack)

    take_in(stack)
    values = interleaved({"watched": watched, "alone": lambda: take_in(stack)}, rounds(10))
    return [
        beside("intake with 200 watchers", "tasks/s", values["watched"], "alone", values["alone"])
    ]


def take_in(stack: Stack, seconds: float = SECONDS) -> float:
    """Tasks a second; all of them must be published within a second of the end."""
    stack.settle()
    request = load.post("/v1/tasks", BODY, KEY)
    measured = load.run(stack.port, lambda _: request, connections=CONNECTIONS, seconds=seconds)
    if measured.refused():
        raise RuntimeError(f"the intake refused: {measured.refused()}")
    until(lambda: unpublished(stack) == 0, 1.0, "every row is published")
    return measured.per_second


def unpublished(stack: Stack) -> int:
    """How many queued submissions have not been published yet."""
    found = stack.query("SELECT count(*) FROM submissions WHERE state='queued' AND published=0")
    return int(found[0][0])


def _peer(stack: Stack, peers: Peers, path: str) -> float:
    stack.settle()
    request = load.post(path, BODY, KEY)
    measured = load.run(peers.port, lambda _: request, connections=CONNECTIONS, seconds=SECONDS)
    if measured.refused():
        raise RuntimeError(f"the peer refused: {measured.refused()}")
    peers.empty()
    return measured.per_second


@contextmanager
def _watchers(stack: Stack) -> Iterator[None]:
    """Within, 200 clients follow a task that does not end: half wait, half stream."""
    task = {"title": "Watched", "type": "chore", "metadata": {"sandbox": {"delay_seconds": 60}}}
    task_id = stack.http.post("/v1/tasks", json=task).json()["data"]["id"]
    paths = [f"/v1/tasks/{task_id}?wait=60", f"/v1/tasks/{task_id}/stream"]
    waiting: list[socket.socket] = []
    with ExitStack() as opened:
        for number in range(WATCHERS):
            watcher = socket.create_connection(("127.0.0.1", stack.port), timeout=10)
            opened.enter_context(closing(watcher))
            watcher.sendall(load.get(paths[number % 2], KEY))
            if number % 2 and not watcher.recv(64).startswith(b"HTTP/1.1 200"):
                raise RuntimeError("a stream was refused")
            watcher.setblocking(False)
            if not number % 2:
                waiting.append(watcher)
        yield
        if any(_answered(watcher) for watcher in waiting):
            raise RuntimeError("a wait was answered before its task ended")
        # Its end sends every watcher home, so that the next round's find their places free.
        stack.http.post(f"/v1/tasks/{task_id}/cancel").raise_for_status()


def _answered(watcher: socket.socket) -> bool:
    try:
        watcher.recv(1)
    except BlockingIOError:
        return False
    return True
