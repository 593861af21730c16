"""Applications and what people let them do, for tests."""

import pytest
from sqlalchemy import delete

from kyros_worker.audit.actor import Actor
from kyros_worker.database import read, transaction
from kyros_worker.oauth2 import access, grants
from kyros_worker.oauth2.applications import register
from kyros_worker.oauth2.queries import known_application
from kyros_worker.oauth2.scope import DEFAULT
from kyros_worker.oauth2.tables import Application

CALLBACK = "https://your-app.com/callback"
TESTS = Actor("tests", "192.0.2.1", "req_tests")


@pytest.fixture
def no_applications(no_users):
    access.forget()
    with transaction() as connection:
        connection.execute(delete(Application))


@pytest.fixture
def new_application(no_applications):
    """Makes an application; gives its record with `client_secret`."""

    def make(**fields):
        wanted = {
            "name": "Your app",
            "redirect_uris": [CALLBACK],
            "permissions": [*DEFAULT, "webhooks:manage"],
            **fields,
        }
        with transaction() as connection:
            return register(connection, TESTS, **wanted)

    return make


def credentials(application):
    """How an application says in a form who it is."""
    return {"client_id": application["id"], "client_secret": application["client_secret"]}


def code_for(application, user, permissions=DEFAULT, redirect_uri=CALLBACK, challenge=None):
    """The code of a person who said yes."""
    with transaction() as connection:
        return allow(connection, application, user, permissions, redirect_uri, challenge)


def allow(
    connection, application, user, permissions=DEFAULT, redirect_uri=CALLBACK, challenge=None
):
    """Writes that a person said yes; the code for it."""
    return grants.allow(
        connection,
        Actor(user.id, "192.0.2.1", "req_tests"),
        known_application(connection, application["id"]),
        user.id,
        permissions,
        redirect_uri=redirect_uri,
        code_challenge=challenge,
    )


def rows(table, **columns):
    with read() as connection:
        query = table.__table__.select().filter_by(**columns)
        return connection.execute(query).all()
