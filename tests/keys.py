"""API keys for tests."""

import re

import pytest
from sqlalchemy import delete

from kyros_worker.audit.actor import Actor
from kyros_worker.auth import authenticate
from kyros_worker.auth.create import create
from kyros_worker.auth.tables import ApiKey
from kyros_worker.database import transaction
from kyros_worker.idempotency.tables import IdempotencyKey
from kyros_worker.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs/reference/api-keys.md").read_text()
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


def of_page(language):
    """What the page on keys prints in that language."""
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


_scanner: dict = {}
exec(of_page("python"), _scanner)  # noqa: S102 - the page is ours


def well_formed(key):
    """Whether a secret scanner takes it for a key, by what the page tells it to do."""
    return bool(re.fullmatch(of_page("regex").strip(), key)) and _scanner["is_kyros_key"](key)
