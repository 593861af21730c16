"""Reading beside 1,000, 100,000 and 1,000,000 tasks, and how large a task is on disk.

Three databases stand side by side, each behind an API process of its own; the rounds alternate
between them, one request at a time.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median

import httpx

from bench import load
from bench.rounds import Figure, alone, beside, interleaved, rounds
from bench.stack import Stack, running, until
from kyros_worker.command.ports import free_port
from kyros_worker.settings import PROJECT_ROOT
from tests.many_tasks import fill

SIZES = (1_000, 100_000, 1_000_000)
_KEY = "kyros_live_" + "b" * 32
_REQUESTS = 150
_TABLES = ("tasks", "submissions", "model_calls", "events")
_MAKE_KEY = (
    "from kyros_worker.command.start import let_first_in; "
    "from kyros_worker.settings import current; let_first_in(current(), lambda _: None)"
)
_FOLD = "from kyros_worker.dispatch.sweeps import fold_increments; fold_increments()"


def measure(folder: Path) -> list[Figure]:
    """Get, lists, status and wait at each size, then the bytes of a task."""
    with running(folder) as stack:
        figures = [_bytes(stack)]
        with ExitStack() as opened:
            ports = {size: opened.enter_context(_served(stack, size)) for size in SIZES}
            for name, path in _PATHS.items():
                figures += _read(name, {size: _path(ports[size], path) for size in SIZES}, ports)
    return figures


def _read(name: str, paths: dict[int, str], ports: dict[int, int]) -> list[Figure]:
    ways = {str(size): partial(_milliseconds, ports[size], paths[size]) for size in SIZES}
    interleaved(ways, 1)
    values = interleaved(ways, rounds(5))
    least = values[str(SIZES[0])]
    return [
        beside(f"{name} at {size:,}", "ms", values[str(size)], f"at {SIZES[0]:,}", least)
        for size in SIZES[1:]
    ]


def _milliseconds(port: int, path: str) -> float:
    request = load.get(path, _KEY)
    measured = load.run(port, lambda _: request, connections=1, count=_REQUESTS)
    if measured.refused():
        raise RuntimeError(f"{path} was refused: {measured.refused()}")
    return median(measured.latencies) * 1_000


#: What is read; `{id}` is a completed task of that database.
_PATHS = {
    "get": "/v1/tasks/{id}",
    "status": "/v1/tasks/{id}/status",
    "wait of a final task": "/v1/tasks/{id}?wait=10",
    "list": "/v1/tasks",
    "list of a status": "/v1/tasks?status=failed",
    "metrics of a day": "/v1/monitoring/metrics?period=1d",
    "metrics of a month": "/v1/monitoring/metrics?period=30d",
    "costs of a month": "/v1/monitoring/costs?period=30d",
}


def _path(port: int, path: str) -> str:
    answer = httpx.get(
        f"http://127.0.0.1:{port}/v1/tasks?status=completed&limit=1",
        headers={"Authorization": f"Bearer {_KEY}"},
    )
    return path.format(id=answer.json()["data"]["tasks"][0]["id"])


@contextmanager
def _served(stack: Stack, size: int) -> Iterator[int]:
    """A database with so many tasks behind an API process; gives its port."""
    name, port = f"scale_{size}", free_port()
    stack.query(f"CREATE DATABASE {name}")
    environ = stack.environ | {
        "DATABASE_URL": f"{stack.database_url.rpartition('/')[0]}/{name}",
        "REDIS_URL": f"{stack.redis_url.rpartition('/')[0]}/2",
        "KYROS_SECRET_KEY": "b" * 32,
        "KYROS_HOME": str(stack.folder / name),
        "KYROS_API_PORT": str(port),
        "KYROS_API_PROCESSES": "1",
        "KYROS_BOOTSTRAP_API_KEY": _KEY,
    }
    kyros = Path(sys.executable).with_name("kyros")
    subprocess.run([kyros, "migrate"], env=environ, check=True, timeout=60)
    subprocess.run([sys.executable, "-c", _MAKE_KEY], env=environ, check=True, timeout=60)
    fill(environ["DATABASE_URL"], size)
    # No dispatcher runs here, which would have folded all this long ago.
    subprocess.run([sys.executable, "-c", _FOLD], env=environ, check=True, timeout=300)
    log = (stack.folder / f"{name}.log").open("wb")
    process = subprocess.Popen(
        [kyros, "api"], env=environ, cwd=PROJECT_ROOT, stdout=log, stderr=log
    )
    try:
        until(lambda: _is_up(port), 30, f"the API of {size} tasks answers")
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _is_up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").is_success
    except httpx.TransportError:
        return False


def _bytes(stack: Stack) -> Figure:
    """A finished task of the whole workflow, everything that is kept of it."""
    task = {
        "title": "Answer HEAD requests on /healthz",
        "description": "Some load balancers ask with HEAD and take 405 for a failure. " * 8,
        "acceptance_criteria": ["HEAD /healthz answers 200 without a body", "GET stays as it is"],
        "files_to_modify": ["api/probes.py"],
        "metadata": {"sandbox": {"delay_seconds": 0}},
    }
    stack.http.post("/v1/tasks/batch", json={"tasks": [task] * 1_000}).raise_for_status()
    open_ones = "SELECT 1 FROM tasks WHERE state IN ('queued', 'running') LIMIT 1"
    until(lambda: not stack.query(open_ones), 180, "all tasks are final")
    sizes = {}
    for table in _TABLES:
        stack.query(f"VACUUM FULL {table}")
        sizes[table] = stack.query("SELECT pg_total_relation_size(%s::regclass)", table)[0][0]
    note = ", ".join(f"{table} {size / 1_000 / 1_000:.1f}" for table, size in sizes.items())
    total = sum(sizes.values()) / 1_000 / 1_000
    return alone("a finished task on disk", "kB", [total], f"with its indexes: {note}")
