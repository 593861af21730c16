"""Whoever is kept out is out: a refresh token that was stolen before lets nobody in."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from kyros_worker.database import read, transaction
from kyros_worker.errors import ConflictError, UnauthenticatedError
from kyros_worker.oauth2 import access, shut_out, tokens
from kyros_worker.oauth2.access import authenticate_access_token
from kyros_worker.oauth2.queries import grants_of
from kyros_worker.user.accounts import enable_user
from kyros_worker.user.password import PasswordHash
from kyros_worker.user.session import authenticate_session, hold_session
from tests.applications import TESTS, allow, code_for
from tests.locks import wait_until_it_waits
from tests.people import audit_entries, session_of

NEW = PasswordHash("the hash of another password")


def do(verb, *arguments):
    with transaction() as connection:
        return verb(connection, TESTS, *arguments)


def issue(application, user):
    with transaction() as connection:
        found = tokens.find_code(connection, application["id"], code_for(application, user))
        return tokens.exchange_code(connection, TESTS, found)


def refreshed(issued):
    with transaction() as connection:
        found = tokens.find_token(connection, issued.refresh_token)
        began = tokens.time_of_database(connection)
        return tokens.refresh(connection, TESTS, found, None, began)


BOTH = pytest.mark.parametrize(
    ("verb", "more"), [(shut_out.disable, ()), (shut_out.give_password, (NEW,))]
)


@BOTH
def test_what_was_allowed_ends(new_application, new_user, verb, more):
    new_user("admin", email="boss@example.com")
    user, other = new_user(), new_user(email="other@example.com")
    application = new_application()
    issued = [issue(application, user) for _ in range(2)]
    of_other = issue(application, other)
    do(verb, user.id, *more)
    # What was ended stays so.
    do(enable_user, user.id)
    access.forget()
    for one in issued:
        assert refreshed(one) is None
        with pytest.raises(UnauthenticatedError):
            authenticate_access_token(one.access_token)
    assert authenticate_access_token(of_other.access_token).id == other.id
    with read() as connection:
        assert grants_of(connection, user.id, 10) == []
    entry = audit_entries("oauth2_grant.revoke")[0]
    assert (entry["actor"], entry["target"]) == (TESTS.id, user.id)
    assert entry["details"] == {"grants": 2}


@BOTH
def test_what_is_being_allowed_ends_too(new_application, new_user, verb, more):
    """The person decided first, but his decision is not written down yet."""
    user, application = new_user(), new_application()
    session = authenticate_session(session_of(user.id))
    with ThreadPoolExecutor(1) as threads:
        with transaction() as connection:
            hold_session(connection, session.session_id)
            shut = threads.submit(do, verb, user.id, *more)
            wait_until_it_waits(shut)
            assert not shut.done()
            allowing = allow(connection, application, user)
        shut.result(timeout=20)
    with transaction() as connection:
        found = tokens.find_code(connection, application["id"], allowing)
        assert found is None or tokens.exchange_code(connection, TESTS, found) is None
    with read() as connection:
        assert grants_of(connection, user.id, 10) == []
    with read() as connection, pytest.raises(UnauthenticatedError):
        hold_session(connection, session.session_id)


def test_where_nothing_was_allowed_nothing_is_told(new_application, new_user):
    user, before = new_user(), audit_entries("oauth2_grant.revoke")
    do(shut_out.disable, user.id)
    assert audit_entries("oauth2_grant.revoke") == before


def test_the_last_admin_keeps_what_he_allowed(new_application, new_user):
    boss = new_user("admin")
    issued = issue(new_application(), boss)
    with pytest.raises(ConflictError):
        do(shut_out.disable, boss.id)
    assert authenticate_access_token(issued.access_token).id == boss.id
