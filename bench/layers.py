"""Where the processor's time goes: each process's part, and of the busiest each layer's share.

py-spy looks at the busiest process's Python stacks while the load of the other benches runs. A
sample counts for the innermost frame that a layer is known by, so a library's time is its caller's
where the library itself says nothing.
"""

import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench import batch, intake, load, models
from bench.end_to_end import TASKS, drain
from bench.rounds import Figure, alone
from bench.stack import KEY, Stack, family, running

_SECONDS = 8
_PROCESSES = ("api", "implementer", "dispatch", "postgres", "redis", "flower")

#: The layers, each by what its frames' functions and files look like; the first that fits counts.
_LAYERS = {
    "serialising": r"^dumps \(kyros_worker/strict_json|api/answer|task/present|^as_rows|^_plain",
    "parsing and validation": (
        r"strict_json|api/strict_|pydantic(?!_ai)|flask_openapi3|/schemas\.py|model/steering"
    ),
    "authentication": r"kyros_worker/auth/|api/caller|hmac|hashlib",
    "publishing": r"dispatch/publish",
    "SQL": r"sqlalchemy|psycopg2|kyros_worker/(database|bulk|prepared|group_commit)\.py",
    "model layer": (
        r"openai/|httpx|httpcore|h11|anyio|pydantic_ai|genai_prices|asyncio"
        r"|kyros_worker/(model|agent)/"
    ),
    "Celery": r"celery|kombu|billiard|redis/|amqp|vine|task/pool|task/jobs",
    "Flask and gunicorn": r"flask|werkzeug|api/app|gunicorn|concurrent/futures|selectors",
    "Kyros's own": r"kyros_worker/|api/",
    "threads and logging": r"threading|logging|queue\.py",
}


def measure(folder: Path) -> list[Figure]:
    """The profile of each load, of the processes that it keeps busy."""
    figures: list[Figure] = []
    with running(folder / "test") as stack:
        figures += _profile(stack, "intake", "api", lambda: _intake(stack))
        figures += _profile(stack, "batch", "api", lambda: _batch(stack))
        figures += _profile(stack, "publishing of a batch", "dispatch", lambda: _batch(stack))
        figures += _profile(
            stack, "a list of 50", "api", lambda: _read(stack, "/v1/tasks?limit=50")
        )
        figures += _profile(stack, "a task", "api", lambda: _read(stack, _newest(stack)))
        figures += _profile(stack, "end to end", "implementer", lambda: _drain(stack))
    with models.serving(folder / "models", seconds=0, concurrency=64) as (stack, _):
        models.finish(stack, 200)
        figures += _profile(stack, "model calls", "implementer", lambda: _calls(stack))
    return figures


def _profile(stack: Stack, load: str, process: str, run: Callable[[], int]) -> list[Figure]:
    """What each process takes of the processor for a task, and the shares within one of them."""
    run()
    samples: Counter[str] = Counter()
    sampling = threading.Thread(
        target=_sample, args=(_busiest(stack, process), stack.folder / "stacks", samples)
    )
    before = stack.cpu()
    sampling.start()
    tasks = 0
    while sampling.is_alive():
        tasks += run()
    sampling.join()
    used = {name: used - before.get(name, 0) for name, used in stack.cpu().items()}
    each = ", ".join(f"{one} {used[one] / tasks * 1_000:.2f}" for one in _PROCESSES if one in used)
    total = sum(samples.values())
    figure = alone(load, "ms of processor a task", [used["all"] / tasks * 1_000], each)
    return [figure] + [
        alone(f"{load}: {layer}", f"% of {process}", [100 * count / total])
        for layer, count in samples.most_common()
    ]


def _sample(pid: int, output: Path, samples: "Counter[str]") -> None:
    """Adds how many samples each layer had."""
    program = Path(sys.executable).with_name("py-spy")
    command = [
        program, "record", "--pid", str(pid), "--duration", str(_SECONDS), "--rate", "250",
        "--format", "raw", "--output", output, "--gil", "--nonblocking", "--full-filenames",
    ]  # fmt: skip
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    for line in output.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        samples[_layer(stack.split(";"))] += int(count)


def _layer(frames: list[str]) -> str:
    for frame in reversed(frames):
        # What lies in front of the packages' own folders could be named like anything.
        known = re.sub(r"\(.*/(?=site-packages/|kyros_worker/|api/|lib/python)", "(", frame)
        for layer, pattern in _LAYERS.items():
            if re.search(pattern, known):
                return layer
    return "the rest"


def _busiest(stack: Stack, process: str) -> int:
    """The process itself, or the child that did most where it only watches its children."""
    return max(family(stack.pid(process)), key=lambda one: sum(one.cpu_times()[:2])).pid


def _intake(stack: Stack) -> int:
    seconds = 2.0
    return int(intake.take_in(stack, seconds) * seconds)


def _batch(stack: Stack) -> int:
    batch.take_in(stack)
    return batch.REQUESTS * batch.EACH


def _newest(stack: Stack) -> str:
    (task,) = stack.http.get("/v1/tasks?limit=1").json()["data"]["tasks"]
    return f"/v1/tasks/{task['id']}"


def _read(stack: Stack, path: str) -> int:
    request = load.get(path, KEY)
    measured = load.run(stack.port, lambda _: request, connections=8, seconds=2)
    if measured.refused():
        raise RuntimeError(f"{path} was refused: {measured.refused()}")
    return len(measured.latencies)


def _drain(stack: Stack) -> int:
    drain(stack, {})
    return TASKS


def _calls(stack: Stack) -> int:
    models.finish(stack, 500)
    return 500
