"""Fixtures of the API's tests: the app on a real database, its keys, and a real server."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import pytest

from api import limits
from tests.applications import new_application, no_applications
from tests.credentials import credential
from tests.installed import schema
from tests.keys import new_key, no_keys
from tests.people import new_user, no_users, password_hash, signed_in

__all__ = [
    "credential", "new_application", "new_key", "new_user", "no_applications", "no_keys",
    "no_users", "password_hash", "schema", "signed_in",
]  # fmt: skip


#: How long Redis is waited for: on a busy machine what is not counted would be chance.
PATIENT = {"socket_timeout": 20.0, "socket_connect_timeout": 20.0}


@pytest.fixture
def admin(new_key):
    """The headers of an admin in test mode."""
    return {"Authorization": f"Bearer {new_key('admin')['key']}"}


@pytest.fixture(scope="session")
def app(schema):
    from api.app import create_app

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(limits, "STORAGE_OPTIONS", limits.STORAGE_OPTIONS | PATIENT)
        return create_app()


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture(scope="session")
def server(schema):
    """The address of the app behind a real gunicorn, host and port."""
    with serving() as address:
        yield address


@contextmanager
def serving(**environ):
    """The address of a gunicorn of its own, as the product starts it, with those variables."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    settings = {"KYROS_API_PORT": str(address[1]), "KYROS_API_PROCESSES": "1",
                "KYROS_API_THREADS": "8", **environ}  # fmt: skip
    command = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"]
    command += ["--log-level", "warning", "--access-logfile", "/dev/null"]
    process = subprocess.Popen([*command, "api.app:create_app()"], env=os.environ | settings)
    try:
        until = time.monotonic() + 60
        while not _answers(f"http://{address[0]}:{address[1]}/healthz"):
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
