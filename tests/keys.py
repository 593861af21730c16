"""API keys for tests."""

import pytest
from sqlalchemy import delete

from kyros_worker.audit.actor import Actor
from kyros_worker.auth import authenticate
from kyros_worker.auth.create import create
from kyros_worker.auth.tables import ApiKey
from kyros_worker.database import transaction
from kyros_worker.idempotency.tables import IdempotencyKey

ACTOR = Actor("tests")


@pytest.fixture
def no_keys(schema):
    authenticate.forget()
    with transaction() as connection:
        connection.execute(delete(ApiKey))
        connection.execute(delete(IdempotencyKey))


@pytest.fixture
def new_key(no_keys):
    """Makes a key: `new_key("tasks:read")`, `new_key("admin", mode="live")`."""

    def make(*permissions, mode="test", **fields):
        with transaction() as connection:
            return create(
                connection,
                ACTOR,
                name="a key",
                permissions=permissions,
                mode=mode,
                **fields,
            )

    return make
