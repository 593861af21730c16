from dataclasses import replace

import pytest

from kyros_worker.audit.actor import Actor
from kyros_worker.database import read, transaction
from kyros_worker.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    TooManyRequestsError,
    UnauthenticatedError,
)
from kyros_worker.user.accounts import (
    change_own_password,
    change_user,
    create_user,
    disable_user,
    enable_user,
    set_password,
)
from kyros_worker.user.failures import count_try
from kyros_worker.user.password import hash_password, is_password
from kyros_worker.user.queries import find_user, newest_users
from kyros_worker.user.session import authenticate_session
from kyros_worker.user.tables import User
from tests.at_once import at_once
from tests.factories import row
from tests.people import PASSWORD, audit_entries, session_of

ACTOR = Actor("usr_0000000000001", "192.0.2.1", "req_1", "oac_0000000000001")
NEW = "another four plain words"


def do(verb, *arguments, **named):
    with transaction() as connection:
        return verb(connection, ACTOR, *arguments, **named)


@pytest.fixture
def make(no_users, password_hash):
    def make_user(**fields):
        given = {"email": "jo@example.com", "name": "Jo", "role": "developer"}
        return do(create_user, password_hash=password_hash, **{**given, **fields})

    return make_user


def last_entry():
    entry = audit_entries()[0]
    assert (entry["actor"], entry["via"], entry["address"]) == (ACTOR.id, ACTOR.via, ACTOR.address)
    return entry["action"], entry["target"], entry["details"]


def test_making_one(make):
    made = make(email=" Jo@Example.com ", name=" Jo Müller ")
    assert made["email"] == "jo@example.com"
    assert (made["name"], made["role"], made["created_by"]) == ("Jo Müller", "developer", ACTOR.id)
    assert made["disabled_at"] is made["last_sign_in_at"] is None
    assert "hash" not in repr(made)
    assert is_password(PASSWORD, row(User, made["id"]).password_hash)
    about = {"email": "jo@example.com", "name": "Jo Müller", "role": "developer"}
    assert last_entry() == ("user.create", made["id"], about)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"email": ""}, "email"), ({"email": "jo"}, "email"), ({"email": "jo@"}, "email"),
        ({"email": "@x"}, "email"), ({"email": "a b@x"}, "email"), ({"email": "a@x..y"}, "email"),
        ({"email": "a@b@c"}, "email"), ({"email": "a\x00@b"}, "email"),
        ({"email": "jö@x"}, "email"),
        ({"email": "a@-x"}, "email"), ({"email": f"a@{'x.' * 130}y"}, "email"),
        ({"email": "a@x\ny"}, "email"),
        ({"name": ""}, "name"), ({"name": "  "}, "name"), ({"name": "x" * 101}, "name"),
        ({"name": "a\x00"}, "name"), ({"name": "a\nb"}, "name"), ({"name": "a\u202eb"}, "name"),
        ({"role": "boss"}, "role"), ({"role": "Admin"}, "role"), ({"role": ""}, "role"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(make, fields, wrong):
    with pytest.raises(InvalidError) as caught:
        make(**fields)
    assert [one.field for one in caught.value.details] == [wrong]
    with read() as connection:
        assert newest_users(connection, 10) == []


@pytest.mark.parametrize("email", ["admin@localhost", "a+b@sub.example.co", "o'neil@x-y.org"])
def test_addresses_that_are_some(make, email):
    assert make(email=email)["email"] == email


def test_an_address_that_somebody_has(make):
    make()
    with pytest.raises(ConflictError, match=r"jo@example\.com already") as caught:
        make(email="JO@example.com")
    assert caught.value.code == "email_taken"


def test_two_at_once_with_one_address(make):
    def attempt(_):
        try:
            return make()
        except ConflictError:
            return None

    assert len([made for made in at_once(attempt, range(4)) if made]) == 1


def test_changing_one(new_user):
    new_user("admin", email="admin@example.com")
    user = new_user()
    changed = do(change_user, user.id, name="Joanna", role="reviewer")
    assert (changed["name"], changed["role"]) == ("Joanna", "reviewer")
    before, after = {"name": "Jo", "role": "developer"}, {"name": "Joanna", "role": "reviewer"}
    assert last_entry() == ("user.change", user.id, {"before": before, "after": after})
    count = len(audit_entries())
    assert do(change_user, user.id, name="Joanna") == changed
    assert do(change_user, user.id) == changed
    assert len(audit_entries()) == count
    for wrong in ({"name": ""}, {"role": "boss"}):
        with pytest.raises(InvalidError):
            do(change_user, user.id, **wrong)


def test_disabling_and_enabling(new_user):
    user = new_user()
    cookie = session_of(user.id)
    disabled = do(disable_user, user.id)
    assert disabled["disabled_at"]
    assert last_entry() == ("user.disable", user.id, {})
    assert do(disable_user, user.id) == disabled
    assert do(enable_user, user.id)["disabled_at"] is None
    assert last_entry() == ("user.enable", user.id, {})
    assert do(enable_user, user.id)["disabled_at"] is None
    with pytest.raises(UnauthenticatedError):
        authenticate_session(cookie)


def test_the_last_enabled_admin_stays(new_user):
    from kyros_worker.clock import now

    admin = new_user("admin", email="admin@example.com")
    new_user("admin", email="gone@example.com", disabled_at=now())
    for verb, named in ((disable_user, {}), (change_user, {"role": "operator"})):
        with pytest.raises(ConflictError, match=r"admin@example\.com is the last") as caught:
            do(verb, admin.id, **named)
        assert caught.value.code == "last_admin"
    do(change_user, admin.id, name="Ada", role="admin")
    other = new_user("admin", email="other@example.com")
    do(disable_user, admin.id)
    do(change_user, admin.id, role="viewer")
    with pytest.raises(ConflictError):
        do(disable_user, other.id)


def test_admins_who_disable_each_other(new_user):
    admins = [new_user("admin", email=f"{number}@example.com") for number in range(4)]

    def attempt(number):
        verb, named = [(disable_user, {}), (change_user, {"role": "viewer"})][number % 2]
        try:
            do(verb, admins[number].id, **named)
        except ConflictError:
            return False
        return True

    assert at_once(attempt, range(4)).count(True) == 3
    with read() as connection:
        left = [user for user in newest_users(connection, 10) if user["role"] == "admin"]
    assert len([user for user in left if not user["disabled_at"]]) == 1


def test_setting_a_password(new_user):
    user = new_user()
    cookie = session_of(user.id)
    for address in ("192.0.2.1", "203.0.113.9"):
        for _ in range(5):
            count_try(user.email, address)
    changed = do(set_password, user.id, hash_password(NEW))
    assert changed["password_changed_at"] > changed["created_at"]
    assert last_entry() == ("user.password", user.id, {})
    assert is_password(NEW, row(User, user.id).password_hash)
    with pytest.raises(UnauthenticatedError):
        authenticate_session(cookie)
    for address in ("192.0.2.1", "203.0.113.9"):
        count_try(user.email, address)


def test_changing_ones_own_password(new_user):
    user = new_user()
    mine, elsewhere = session_of(user.id), session_of(user.id)
    session_id = authenticate_session(mine).session_id
    for old, new, field in [("wrong", NEW, "old"), (PASSWORD, "short", "password")]:
        with pytest.raises(InvalidError) as caught:
            change_own_password(ACTOR, user.id, old, new, session_id=session_id)
        assert [one.field for one in caught.value.details] == [field]
        if field == "old":
            assert last_entry() == ("password.refuse", user.id, {})
    authenticate_session(elsewhere)
    change_own_password(ACTOR, user.id, PASSWORD, NEW, session_id=session_id)
    assert is_password(NEW, row(User, user.id).password_hash)
    authenticate_session(mine)
    with pytest.raises(UnauthenticatedError):
        authenticate_session(elsewhere)


def test_guessing_the_old_password_waits_too(new_user):
    user = new_user()
    for _ in range(5):
        with pytest.raises(InvalidError):
            change_own_password(ACTOR, user.id, "a guess", NEW, session_id="")
    with pytest.raises(TooManyRequestsError):
        change_own_password(ACTOR, user.id, PASSWORD, NEW, session_id="")
    elsewhere = replace(ACTOR, address="203.0.113.9")
    change_own_password(elsewhere, user.id, PASSWORD, NEW, session_id="")


@pytest.mark.parametrize("user_id", ["usr_1790000000000000", "usr_1", "", "\x00", "jo@example.com"])
def test_nobody(new_user, user_id):
    new_user()
    verbs = [
        (change_user, (), {"name": "x"}),
        (disable_user, (), {}),
        (enable_user, (), {}),
        (set_password, ("a hash",), {}),
    ]
    for verb, arguments, named in verbs:
        with pytest.raises(NotFoundError):
            do(verb, user_id, *arguments, **named)
    with pytest.raises(NotFoundError):
        change_own_password(ACTOR, user_id, PASSWORD, NEW, session_id="")


def test_finding_and_listing(new_user):
    users = [new_user(email=f"{number}@example.com") for number in range(3)]
    with read() as connection:
        assert find_user(connection, users[0].id)["email"] == "0@example.com"
        assert find_user(connection, " 1@EXAMPLE.com")["id"] == users[1].id
        for nobody in ("usr_1790000000000000", "9@example.com", "", "\x00@x", "1@example.com\x00"):
            with pytest.raises(NotFoundError):
                find_user(connection, nobody)
        newest = [user["id"] for user in newest_users(connection, 2)]
        assert newest == [users[2].id, users[1].id]
        assert [user["id"] for user in newest_users(connection, 2, newest[-1])] == [users[0].id]
