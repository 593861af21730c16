"""What the Python SDK takes beside bare httpx: the same calls, over the same kind of pool."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.rounds import Figure, beside, interleaved, rounds

# The SDK is installed nowhere here: it lies beside.
sys.path.insert(0, str(Path(__file__).parents[1] / "sdks/python"))

from kyros import AsyncKyrosClient, KyrosClient

_CALLS = 100
_KEY = "kyros_test_bench"
_NEW = {"title": "Answer HEAD requests on /healthz", "files_to_modify": ["api/probes.py"]}
_ID = "task_17956207228585975138476"


def measure(_: Path) -> list[Figure]:
    """The client's processor time a call, the answer read, of both clients."""
    with _serving() as url:
        return [*_blocking(url), *_awaiting(url)]


def _blocking(url: str) -> list[Figure]:
    headers = {"Authorization": f"Bearer {_KEY}"}
    with KyrosClient(_KEY, url) as sdk, httpx.Client(headers=headers) as bare:
        ways: dict[str, Callable[[], Any]] = {
            "get": lambda: sdk.tasks.get(_ID).progress.percentage,
            "bare get": lambda: _read(bare.get(f"{url}/v1/tasks/{_ID}")),
            "create": lambda: sdk.tasks.create(_NEW).progress.percentage,
            "bare create": lambda: _read(bare.post(f"{url}/v1/tasks", json=_NEW)),
        }
        return _figures("", {name: _timed(way) for name, way in ways.items()})


def _awaiting(url: str) -> list[Figure]:
    headers = {"Authorization": f"Bearer {_KEY}"}
    with asyncio.Runner() as runner:
        sdk, bare = AsyncKyrosClient(_KEY, url), httpx.AsyncClient(headers=headers)

        async def get() -> Any:
            return (await sdk.tasks.get(_ID)).progress.percentage

        async def bare_get() -> Any:
            return _read(await bare.get(f"{url}/v1/tasks/{_ID}"))

        async def create() -> Any:
            return (await sdk.tasks.create(_NEW)).progress.percentage

        async def bare_create() -> Any:
            return _read(await bare.post(f"{url}/v1/tasks", json=_NEW))

        def timed(way: Callable[[], Awaitable[Any]]) -> Callable[[], float]:
            return lambda: runner.run(_awaited(way))

        ways = {"get": get, "bare get": bare_get, "create": create, "bare create": bare_create}
        figures = _figures("async ", {name: timed(way) for name, way in ways.items()})
        runner.run(sdk.close())
        runner.run(bare.aclose())
    return figures


def _figures(kind: str, ways: dict[str, Callable[[], float]]) -> list[Figure]:
    values = interleaved(ways, rounds(40))
    return [
        beside(
            f"{kind}{call}", "µs of processor", values[call], f"{kind}httpx", values[f"bare {call}"]
        )
        for call in ("get", "create")
    ]


def _timed(way: Callable[[], Any]) -> Callable[[], float]:
    def timed() -> float:
        begun = time.process_time()
        for _ in range(_CALLS):
            way()
        return (time.process_time() - begun) / _CALLS * 1e6

    return timed


async def _awaited(way: Callable[[], Awaitable[Any]]) -> float:
    begun = time.process_time()
    for _ in range(_CALLS):
        await way()
    return (time.process_time() - begun) / _CALLS * 1e6


def _read(response: httpx.Response) -> Any:
    response.raise_for_status()
    return response.json()["data"]["progress"]["percentage"]


@contextmanager
def _serving() -> Iterator[str]:
    command = [sys.executable, "-m", "bench.peers.answer"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()
