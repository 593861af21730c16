"""Users and their sessions for tests."""

import pytest
from sqlalchemy import delete, insert

from kyros_worker.clock import now
from kyros_worker.database import engine, read, transaction
from kyros_worker.ids import new_id
from kyros_worker.oauth2.tables import Code, Grant, Token
from kyros_worker.user import password
from kyros_worker.user.password import hash_password
from kyros_worker.user.session import authenticate_session, begin_session
from kyros_worker.user.tables import Session, SignInFailures, User

PASSWORD = "four plain words here"


@pytest.fixture(scope="session")
def password_hash():
    """Of PASSWORD."""
    return hash_password(PASSWORD)


@pytest.fixture
def held(schema, monkeypatch):
    """How many of the pool's connections were taken, each time a password was looked at."""
    turn, seen = password._turn, []

    def watched():
        seen.append(engine().pool.checkedout())
        return turn()

    monkeypatch.setattr(password, "_turn", watched)
    return seen


@pytest.fixture
def no_users(schema):
    with transaction() as connection:
        for table in (Token, Code, Grant, Session, SignInFailures, User):
            connection.execute(delete(table))


@pytest.fixture
def new_user(no_users, password_hash):
    """Makes a user who signs in with PASSWORD: `new_user("admin")`; gives the row."""

    def make(role="developer", email="jo@example.com", **fields):
        at = now()
        row = {
            "id": new_id("usr", at), "email": email, "name": "Jo", "role": role,
            "password_hash": password_hash, "created_by": "tests", "created_at": at,
            "password_changed_at": at, **fields,
        }  # fmt: skip
        with transaction() as connection:
            return connection.execute(insert(User).values(**row).returning(*User.__table__.c)).one()

    return make


@pytest.fixture
def signed_in(new_user):
    """Signs a new user in: `cookie, signed_in = signed_in("admin")`."""

    def make(role="developer", **fields):
        cookie = session_of(new_user(role, **fields).id)
        return cookie, authenticate_session(cookie)

    return make


def session_of(user_id):
    with transaction() as connection:
        return begin_session(connection, user_id, address="192.0.2.1", user_agent="tests")[1]


def audit_entries(action=None):
    from kyros_worker.audit.queries import Wanted, newest_entries

    with read() as connection:
        return newest_entries(connection, None, Wanted(action=action), 100)
