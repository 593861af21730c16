"""What a person has allowed already, and what is told of it."""

import pytest
from sqlalchemy import event, func, update

from kyros_worker.database import engine, read, transaction
from kyros_worker.oauth2 import tokens
from kyros_worker.oauth2.grants import has_allowed
from kyros_worker.oauth2.queries import grants_of, known_application
from kyros_worker.oauth2.tables import Grant, Token
from tests.applications import TESTS, code_for


@pytest.fixture
def application(new_application):
    return new_application(permissions=["admin"])


@pytest.fixture
def user(new_user):
    return new_user("admin")


def allow(application, user, permissions):
    code = code_for(application, user, permissions)
    with transaction() as connection:
        found = tokens.find_code(connection, application["id"], code)
        tokens.exchange_code(connection, TESTS, found)


def allowed(application, user, permissions):
    with read() as connection:
        known = known_application(connection, application["id"])
        return has_allowed(connection, known, user.id, permissions)


@pytest.mark.parametrize(
    ("given", "asked", "is_known"),
    [
        (["tasks:read", "tasks:write"], ["tasks:read"], True),
        (["tasks:read", "tasks:write"], ["tasks:read", "tasks:write"], True),
        (["tasks:read"], ["tasks:read", "tasks:write"], False),
        (["tasks:read"], ["admin"], False),
        (["admin"], ["tasks:read", "webhooks:manage"], True),
        (["admin"], ["admin"], True),
    ],
)
def test_what_was_allowed_is_not_asked_again(application, user, new_user, given, asked, is_known):
    allow(application, user, ["monitoring:read"])
    allow(application, user, given)
    assert allowed(application, user, asked) is is_known
    assert not allowed(application, new_user(email="other@example.com"), asked)


def test_one_row_is_enough_to_know(application, user):
    """However often somebody has signed in through it."""
    for _ in range(3):
        allow(application, user, ["tasks:read"])
    counts = []

    def note(_connection, cursor, *_rest):
        counts.append(cursor.rowcount)

    event.listen(engine(), "after_cursor_execute", note)
    try:
        assert allowed(application, user, ["tasks:read"])
    finally:
        event.remove(engine(), "after_cursor_execute", note)
    assert set(counts) == {1}


def test_two_that_are_enough_together_are_not(application, user):
    allow(application, user, ["tasks:read"])
    allow(application, user, ["tasks:write"])
    assert not allowed(application, user, ["tasks:read", "tasks:write"])


def test_one_that_has_ended_is_asked_again(application, user):
    allow(application, user, ["tasks:read"])
    for table, values in ((Grant, {"revoked_at": func.now()}), (Token, {"used_at": func.now()})):
        with transaction() as connection:
            connection.execute(update(table).values(values))
        assert not allowed(application, user, ["tasks:read"])
        with transaction() as connection:
            connection.execute(update(table).values(dict.fromkeys(values)))
        assert allowed(application, user, ["tasks:read"])


def test_the_newest_are_told(application, user):
    for _ in range(3):
        allow(application, user, ["tasks:read"])
    with read() as connection:
        all_of_them = grants_of(connection, user.id, 10)
        assert grants_of(connection, user.id, 2) == all_of_them[:2]
    ids = [one["id"] for one in all_of_them]
    assert ids == sorted(ids, reverse=True)
    assert all_of_them[0]["last_refreshed_at"] >= all_of_them[0]["created_at"]
