"""Servers for tests: whether one answers, and the API's own as the product starts it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import httpx

from kyros_worker.command.ports import free_port
from kyros_worker.settings import PROJECT_ROOT
from tests.eventually import eventually

_GUNICORN = [sys.executable, "-m", "gunicorn", "-c", str(PROJECT_ROOT / "deploy/gunicorn.conf.py")]


def answers(url: str) -> bool:
    """Whether somebody answers there, whatever it is."""
    try:
        httpx.get(url, trust_env=False)
    except httpx.TransportError:
        return False
    return True


@contextmanager
def serving(output: IO[bytes] | None = None, **environ: str) -> Iterator[tuple[str, int]]:
    """The host and port of a gunicorn of its own, with those variables.

    What it writes goes to `output`, or where the test's own lines go.
    """
    host, port = "127.0.0.1", free_port()
    settings = {"KYROS_API_PORT": str(port), "KYROS_API_PROCESSES": "1",
                "KYROS_API_THREADS": "8", **environ}  # fmt: skip
    process = subprocess.Popen(
        [*_GUNICORN, "api.app:create_app()"],
        env=os.environ | settings,
        stdout=output,
        stderr=output,
    )

    try:
        url = f"http://{host}:{port}/healthz"
        eventually(lambda: process.poll() is not None or answers(url), 60, "the server answers")
        assert process.poll() is None, "the server ended"
        yield host, port
    finally:
        process.terminate()
        process.wait(20)
