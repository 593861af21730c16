"""What real HTTP calls to a model cost: calls a second, processor, and memory while they wait.

The model is a stand-in on loopback that answers after so many seconds, streamed. One implementer
worker process makes all calls.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from bench.rounds import Figure, alone
from bench.stack import Stack, running, until
from kyros_worker.settings import PROJECT_ROOT

_MIB = 1024 * 1024
_CONFIGURATION = """
[providers.local]
kind = "openai-compatible"
base_url = "{url}"

[models.economy]
model = "local:stand-in"
output_tokens = 1000
timeout_seconds = 120

[prices."local:stand-in"]
input = "0.1"
output = "0.4"
"""
_TASK = {
    "title": "Answer HEAD requests on /healthz",
    "description": "Some load balancers ask with HEAD and take 405 for a failure. " * 8,
    "type": "chore",
}


def measure(folder: Path) -> list[Figure]:
    """Calls at once, and 500 and 1,000 of them waiting in one process."""
    return [
        *_at_once(folder / "at-once", 1_000),
        *(
            figure
            for seconds in (2, 10)
            for count in (500, 1_000)
            for figure in _waiting(folder / f"{seconds}-{count}", seconds, count)
        ),
    ]


def _at_once(folder: Path, count: int) -> list[Figure]:
    with serving(folder, seconds=0, concurrency=32) as (stack, _):
        finish(stack, 100)
        before = stack.cpu()
        seconds = finish(stack, count)
        used = (stack.cpu()["implementer"] - before["implementer"]) / count * 1_000
    return [
        alone("model calls that are answered at once", "calls/s", [count / seconds]),
        alone("processor of the worker for such a call", "ms", [used]),
    ]


def _waiting(folder: Path, seconds: int, count: int) -> list[Figure]:
    with serving(folder, seconds=seconds, concurrency=count) as (stack, url):
        worker = psutil.Process(stack.pid("implementer"))
        idle = worker.memory_full_info().uss / _MIB
        _create(stack, count)
        until(lambda: _most(url) >= count, 60, f"{count} calls are in flight")
        memory = worker.memory_full_info()
        began = time.perf_counter()
        _wait(stack, count)
        took = time.perf_counter() - began
    name = f"{count} calls of {seconds} s in flight, one process"
    note = f"USS {memory.uss / _MIB:.0f} MiB, idle {idle:.0f}; all recorded {took:.1f} s later"
    return [alone(name, "MiB resident", [memory.rss / _MIB], note)]


@contextmanager
def serving(folder: Path, *, seconds: float, concurrency: int) -> Iterator[tuple[Stack, str]]:
    """A stack whose live models are a stand-in that answers after so many seconds, and its URL."""
    folder.mkdir(mode=0o755)
    command = [sys.executable, "-m", "bench.peers.stand_in", str(seconds)]
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    configuration = folder / "kyros.toml"
    configuration.write_text(_CONFIGURATION.format(url=url))
    environ = {
        "KYROS_CONFIG": str(configuration),
        "KYROS_WORKER_CONCURRENCY": str(concurrency),
        "KYROS_BOOTSTRAP_API_KEY": "kyros_live_" + "b" * 32,
    }
    try:
        with running(folder, **environ) as stack:
            stack.http.headers["Authorization"] = f"Bearer {environ['KYROS_BOOTSTRAP_API_KEY']}"
            yield stack, url
    finally:
        process.kill()
        process.wait()


def _most(url: str) -> int:
    return int(httpx.get(f"{url}/most").text)


def finish(stack: Stack, count: int) -> float:
    """Has so many live tasks done; gives the seconds that it took."""
    began = time.perf_counter()
    _create(stack, count)
    _wait(stack, count)
    return time.perf_counter() - began


def _create(stack: Stack, count: int) -> None:
    stack.query("TRUNCATE tasks, events CASCADE")
    stack.http.post("/v1/tasks/batch", json={"tasks": [_TASK] * count}).raise_for_status()


def _wait(stack: Stack, count: int) -> None:
    def final() -> bool:
        time.sleep(0.05)
        open_ones = "SELECT 1 FROM tasks WHERE state IN ('queued', 'running') LIMIT 1"
        return not stack.query(open_ones)

    until(final, 180, "all tasks are final")
    completed = stack.query("SELECT count(*) FROM tasks WHERE state = 'completed'")[0][0]
    calls = stack.query("SELECT count(*) FROM model_calls WHERE state = 'completed'")[0][0]
    if (completed, calls) != (count, count):
        raise RuntimeError(f"of {count} tasks {completed} are completed, of their calls {calls}")
