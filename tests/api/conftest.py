"""Fixtures of the API's tests: the app on a real database, its keys, and a real server."""

import socket
import subprocess
import sys
import time

import httpx
import pytest

from tests.installed import schema
from tests.keys import new_key, no_keys

__all__ = ["new_key", "no_keys", "schema"]


@pytest.fixture
def admin(new_key):
    """The headers of an admin in test mode."""
    return {"Authorization": f"Bearer {new_key('admin')['key']}"}


@pytest.fixture(scope="session")
def app(schema):
    from api.app import create_app

    return create_app()


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture(scope="session")
def server(schema):
    """The address of the app behind a real gunicorn, host and port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    bound = f"{address[0]}:{address[1]}"
    command = [sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--threads", "8"]
    command += ["--bind", bound, "--no-control-socket", "--log-level", "warning"]
    process = subprocess.Popen([*command, "api.app:create_app()"])
    try:
        until = time.monotonic() + 60
        while not _answers(f"http://{bound}/healthz"):
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < until, "the server does not answer"
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _answers(url):
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def no_places():
    """No watcher finds a place: a wait answers at once, and a stream is refused."""
    from api import watch

    taken = 0
    while watch._places.acquire(blocking=False):
        taken += 1
    yield
    for _ in range(taken):
        watch._places.release()
