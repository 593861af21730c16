"""A credential that ends while its wait or its stream is running gives nothing more."""

import pytest

from api import watch
from kyros_worker.auth import authenticate, change, revoke
from kyros_worker.auth.schemas import ChangedApiKey
from kyros_worker.clock import now
from kyros_worker.database import transaction
from kyros_worker.oauth2 import access
from kyros_worker.oauth2.tables import Token
from kyros_worker.task.cancel import cancel_task
from kyros_worker.user import session
from kyros_worker.user.tables import User
from tests import factories
from tests.credentials import COOKIE, access_token, bearer, signed
from tests.keys import ACTOR
from tests.people import session_of


def in_transaction(verb, *arguments):
    with transaction() as connection:
        verb(connection, *arguments)
    # As it would be two seconds later.
    authenticate.forget()
    access.forget()


def key_is_revoked(key_id):
    in_transaction(revoke.revoke, ACTOR, key_id)


def key_may_no_more(key_id):
    in_transaction(change.change, ACTOR, key_id, ChangedApiKey(permissions=["webhooks:manage"]))


def user_is_disabled(user_id):
    factories.change(User, user_id, disabled_at=now())
    access.forget()


def user_may_no_more(user_id):
    factories.change(User, user_id, role="of another version")
    access.forget()


def user_signs_out(user_id):
    in_transaction(session.end_all_sessions, user_id)


def token_is_revoked(_):
    revoked = Token.__table__.update().values(revoked_at=now())
    in_transaction(lambda connection: connection.execute(revoked))


@pytest.fixture(
    params=[
        ("api_key", key_is_revoked, 401), ("api_key", key_may_no_more, 403),
        ("session", user_signs_out, 401), ("session", user_is_disabled, 401),
        ("session", user_may_no_more, 403),
        ("jwt", user_is_disabled, 401),
        ("oauth2", token_is_revoked, 401), ("oauth2", user_is_disabled, 401),
        ("oauth2", user_may_no_more, 403),
    ],
    ids=lambda case: f"{case[0]}-{case[1].__name__}",
)  # fmt: skip
def ending(request, new_key, new_user, new_application):
    """Headers, how what they say ends, and what a new request gets then."""
    kind, end, status = request.param
    if kind == "api_key":
        made = new_key("tasks:read")
        return bearer(made["key"]), lambda: end(made["id"]), status
    user = new_user("viewer")
    if kind == "session":
        headers = {"Cookie": f"{COOKIE}={session_of(user.id)}"}
    elif kind == "jwt":
        headers = bearer(signed(user_id=user.id, roles=["viewer"]))
    else:
        headers = bearer(access_token(new_application(), user))
    return headers, lambda: end(user.id), status


@pytest.fixture
def people(app):
    return app.test_client(use_cookies=False)


def test_a_stream_tells_nothing_more(people, ending, no_tasks):
    headers, end, status = ending
    task_id = factories.create()["id"]
    answer = people.get(f"/v1/tasks/{task_id}/stream", headers=headers)
    pieces = answer.iter_encoded()
    assert next(pieces).startswith(b":")
    assert b"task.created" in next(pieces)
    end()
    with transaction() as connection:
        cancel_task(connection, task_id, "test")
    # What had happened before may still be on its way; what happens after is not.
    assert b"task.cancelled" not in b"".join(pieces)
    answer.close()
    assert people.get(f"/v1/tasks/{task_id}/stream", headers=headers).status_code == status


@pytest.mark.parametrize("path", ["", "/status"])
def test_a_wait_is_refused(people, ending, no_tasks, monkeypatch, path):
    headers, end, status = ending
    task_id = factories.create()["id"]
    monkeypatch.setattr(watch, "_wait", lambda *_: end())
    answer = people.get(f"/v1/tasks/{task_id}{path}?wait=5", headers=headers)
    assert answer.status_code == status
    assert "Add a login" not in answer.text


def test_who_stays_is_told_all(people, new_key, no_tasks):
    task_id = factories.create()["id"]
    answer = people.get(f"/v1/tasks/{task_id}/stream", headers=bearer(new_key("tasks:read")["key"]))
    pieces = answer.iter_encoded()
    next(pieces)
    with transaction() as connection:
        cancel_task(connection, task_id, "test")
    assert b"".join(pieces).endswith(b"event: end\ndata: {}\n\n")
