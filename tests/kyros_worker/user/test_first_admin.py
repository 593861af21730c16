from kyros_worker.database import read, transaction
from kyros_worker.settings import current
from kyros_worker.user.first_admin import first_admin
from kyros_worker.user.queries import find_user
from kyros_worker.user.session import authenticate_session
from kyros_worker.user.sign_in import sign_in
from tests.at_once import at_once
from tests.people import audit_entries


def make(settings):
    with transaction() as connection:
        return first_admin(connection, settings)


def test_one_is_made_once(no_users):
    made = make(current())
    assert made.email == "admin@localhost"
    cookie = sign_in(made.email, made.password, address=None, request_id=None, user_agent="tests")
    assert authenticate_session(cookie).subject.permissions >= {"admin"}
    assert audit_entries("user.create")[0]["actor"] == "system"
    assert made.password not in repr(audit_entries())
    assert make(current()) is None


def test_another_address(no_users):
    make(current().model_copy(update={"admin_email": "ada@example.com"}))
    with read() as connection:
        assert find_user(connection, "ada@example.com")["role"] == "admin"


def test_not_where_there_are_users(new_user):
    new_user("viewer")
    assert make(current()) is None


def test_two_at_once_make_one(no_users):
    made = at_once(make, [current()] * 4)
    assert len([one for one in made if one]) == 1
