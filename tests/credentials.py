"""Every kind of credential by which somebody may call, for tests."""

import time
from itertools import count
from typing import get_args

import jwt
import pytest

from kyros_worker.auth.subject import PERMISSIONS, PERMISSIONS_OF, Kind
from kyros_worker.database import read, transaction
from kyros_worker.oauth2.tokens import exchange_code, find_code
from kyros_worker.settings import current
from kyros_worker.user.session import authenticate_session
from kyros_worker.user.tables import User
from tests.applications import TESTS, code_for
from tests.factories import change
from tests.people import session_of

KINDS = get_args(Kind)
COOKIE = "kyros_session"

_numbers = count(1)


@pytest.fixture
def credential(new_key, new_user, new_application):
    """Makes the headers of a new credential: `credential("jwt", "viewer")`.

    A session's have its token against forgery, too. A role that is none gives nothing.
    """
    application = []

    def user(role):
        return new_user(role, email=f"caller{next(_numbers)}@example.com")

    def api_key(role, mode):
        return bearer(new_key(*PERMISSIONS_OF.get(role, ()), mode=mode)["key"])

    def session(role):
        cookie = session_of(user(role).id)
        token = authenticate_session(cookie).csrf_token
        return {"Cookie": f"{COOKIE}={cookie}", "X-CSRF-Token": token}

    def oauth2(role):
        if not application:
            application.append(new_application(permissions=list(PERMISSIONS)))
        person = user("admin")
        token = access_token(application[0], person)
        change(User, person.id, role=role)
        return bearer(token)

    def make(kind, role="admin", mode="test"):
        if kind == "api_key":
            return api_key(role, mode)
        if kind == "jwt":
            return bearer(signed(roles=[role]))
        return session(role) if kind == "session" else oauth2(role)

    return make


def access_token(application, person):
    """One by which the application acts for that person, with all that both may do."""
    code = code_for(application, person, PERMISSIONS)
    with read() as connection:
        found = find_code(connection, application["id"], code)
    with transaction() as connection:
        return exchange_code(connection, TESTS, found).access_token


def signed(**claims):
    """A JWT of a user of elsewhere."""
    payload = {"user_id": f"caller-{next(_numbers)}", "exp": time.time() + 600, **claims}
    return jwt.encode(payload, current().jwt_secrets[0], algorithm="HS256")


def bearer(token):
    return {"Authorization": f"Bearer {token}"}
