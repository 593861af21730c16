"""Fixtures of the API's tests: the app on a real database, its keys, and a real server."""

import pytest

from api import limits
from tests.applications import new_application, no_applications
from tests.credentials import bearer, credential
from tests.installed import schema
from tests.keys import new_key, no_keys
from tests.people import new_user, no_users, password_hash, signed_in
from tests.serving import serving
from tests.webhooks import no_webhooks

__all__ = [
    "credential", "new_application", "new_key", "new_user", "no_applications", "no_keys",
    "no_users", "no_webhooks", "password_hash", "schema", "signed_in",
]  # fmt: skip


#: How long Redis is waited for: on a busy machine what is not counted would be chance.
PATIENT = {"socket_timeout": 20.0, "socket_connect_timeout": 20.0}


@pytest.fixture
def admin(new_key):
    """The headers of an admin in test mode."""
    return bearer(new_key("admin")["key"])


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
