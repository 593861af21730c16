from datetime import timedelta

import pytest
from sqlalchemy import select, update

from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.errors import TooManyRequestsError, UnauthenticatedError, UnavailableError
from kyros_worker.user.failures import forget_old_failures
from kyros_worker.user.session import authenticate_session
from kyros_worker.user.sign_in import sign_in
from kyros_worker.user.tables import Session, SignInFailures, User
from tests.at_once import at_once
from tests.factories import change, row
from tests.people import PASSWORD, audit_entries

WRONG = "not the password at all"


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    """Passwords compared at once: what they cost is tested elsewhere."""
    from kyros_worker.user import sign_in as room

    compared = []

    def compare(password, stored):
        compared.append(password)
        return stored is not None and password == PASSWORD

    monkeypatch.setattr(room, "is_password", compare)
    return compared


HERE = "192.0.2.1"


def attempt(email="jo@example.com", password=PASSWORD, address=HERE):
    return sign_in(email, password, address=address, request_id="req_1", user_agent="tests")


def fail(times, email="jo@example.com", address=HERE):
    for _ in range(times):
        with pytest.raises(UnauthenticatedError):
            attempt(email, WRONG, address)


def pass_time(seconds):
    with transaction() as connection:
        earlier = SignInFailures.last_at - timedelta(seconds=seconds)
        connection.execute(update(SignInFailures).values(last_at=earlier))


def failures():
    with read() as connection:
        return connection.execute(select(SignInFailures.count)).scalars().all()


def test_signing_in(new_user):
    user = new_user()
    found = authenticate_session(attempt("  Jo@Example.COM "))
    assert found.user_id == user.id
    assert row(Session, found.session_id).address == "192.0.2.1"
    assert row(User, user.id).last_sign_in_at is not None
    entry = audit_entries("session.begin")[0]
    assert (entry["actor"], entry["target"], entry["address"], entry["request_id"]) == (
        user.id, found.session_id, "192.0.2.1", "req_1",
    )  # fmt: skip
    assert entry["details"] == {"user_id": user.id}


def test_the_real_password(new_user, monkeypatch):
    from kyros_worker.user import password
    from kyros_worker.user import sign_in as room

    new_user()
    monkeypatch.setattr(room, "is_password", password.is_password)
    authenticate_session(attempt())
    fail(1)


def test_every_sign_in_has_a_new_cookie(new_user):
    new_user()
    first, second = attempt(), attempt()
    assert first != second
    assert authenticate_session(first).user_id == authenticate_session(second).user_id


def test_every_refusal_says_the_same(new_user, cheap):
    new_user()
    new_user(email="gone@example.com", disabled_at=now())
    tries = [
        ("jo@example.com", WRONG), ("nobody@example.com", PASSWORD), ("gone@example.com", PASSWORD),
        ("no address", PASSWORD), ("", ""), ("a\x00b@example.com", "\x00"), ("\ud800", "\ud800"),
        ("x" * 100_000, PASSWORD),
    ]  # fmt: skip
    sentences = set()
    for email, password in tries:
        with pytest.raises(UnauthenticatedError) as caught:
            attempt(email, password)
        sentences.add(caught.value.message)
    assert len(sentences) == 1
    assert len(cheap) == len(tries)


def test_what_was_typed_is_kept_nowhere(new_user):
    user = new_user()
    before = len(audit_entries("session.refuse"))
    fail(1)
    fail(1, "my secret in the wrong field")
    entries = audit_entries("session.refuse")
    found = entries[: len(entries) - before]
    assert [(entry["actor"], entry["target"]) for entry in found] == [(None, None), (None, user.id)]
    assert "my secret" not in repr(found)
    with read() as connection:
        assert "my secret" not in repr(connection.execute(select(SignInFailures)).all())


@pytest.mark.parametrize("email", ["jo@example.com", "nobody@example.com"])
def test_waiting_after_five_wrong_ones(new_user, cheap, monkeypatch, email):
    """It is the same whether somebody has the address."""
    at = now()
    monkeypatch.setattr("kyros_worker.user.failures.now", lambda: at)
    new_user()
    fail(5, email)
    with pytest.raises(TooManyRequestsError) as caught:
        attempt(email.upper(), PASSWORD)
    assert caught.value.headers == {
        "Retry-After": "30",
        "RateLimit-Limit": "5",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": "30",
    }
    assert caught.value.message == "Too many wrong passwords for this address. Try again in 30 s."
    assert len(cheap) == 5
    pass_time(31)
    fail(1, email)
    with pytest.raises(TooManyRequestsError) as caught:
        attempt(email)
    assert caught.value.headers["Retry-After"] == "60"


def test_a_refused_try_does_not_make_it_longer(new_user):
    new_user()
    fail(5)
    for _ in range(3):
        with pytest.raises(TooManyRequestsError):
            attempt()
    pass_time(30)
    attempt()


def test_a_password_that_nobody_could_look_at_is_not_wrong(new_user, monkeypatch):
    from kyros_worker.user import sign_in as room

    def crowded(_password, _stored):
        raise UnavailableError("too many")

    new_user()
    with monkeypatch.context() as patched:
        patched.setattr(room, "is_password", crowded)
        for _ in range(6):
            with pytest.raises(UnavailableError):
                attempt()
    assert failures() == [0]
    attempt()


def test_a_right_one_forgets_the_wrong_ones(new_user):
    new_user()
    fail(4)
    attempt()
    assert failures() == []
    fail(5)


def test_addresses_wait_alone(new_user):
    new_user()
    fail(5, "other@example.com")
    attempt()


@pytest.mark.parametrize("elsewhere", ["203.0.113.9", "2001:db8::1", None])
def test_who_guesses_from_elsewhere_keeps_nobody_out(new_user, elsewhere):
    new_user()
    fail(5, address=elsewhere)
    attempt()
    # Nor does the right one let the guesses go on.
    with pytest.raises(TooManyRequestsError):
        attempt(address=elsewhere)


def test_a_household_waits_together(new_user):
    new_user()
    fail(5, address="2001:db8:1:2::1")
    with pytest.raises(TooManyRequestsError):
        attempt(address="2001:db8:1:2:ffff::9")
    attempt(address="2001:db8:1:3::1")


def test_twenty_at_once_try_five_passwords(new_user, cheap):
    new_user()

    def guess(number):
        try:
            attempt(password=f"guess number {number}")
        except TooManyRequestsError:
            return "waits"
        except UnauthenticatedError:
            return "wrong"

    answers = at_once(guess, range(20))
    assert (answers.count("wrong"), answers.count("waits")) == (5, 15)
    assert len(cheap) == 5
    pass_time(30)
    answers = at_once(guess, range(20))
    assert (answers.count("wrong"), answers.count("waits")) == (1, 19)


@pytest.mark.parametrize("meanwhile", ["disabled_at", "password_hash"])
def test_what_changes_while_the_password_is_compared(new_user, monkeypatch, meanwhile):
    from kyros_worker.user import sign_in as room

    user = new_user()

    def compare(_password, stored):
        change(User, user.id, **{meanwhile: now() if meanwhile == "disabled_at" else "another"})
        return stored == user.password_hash

    monkeypatch.setattr(room, "is_password", compare)
    with pytest.raises(UnauthenticatedError):
        attempt()
    with read() as connection:
        assert connection.execute(select(Session)).all() == []


def test_a_hash_with_parameters_of_before_is_made_anew(new_user, passwords_at_their_cost):
    from argon2 import PasswordHasher

    older = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    user = new_user(password_hash=older)
    attempt()
    assert row(User, user.id).password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_of_two_at_once_the_second_is_let_in_by_the_hash_that_the_first_made(new_user, monkeypatch):
    from argon2 import PasswordHasher

    from kyros_worker.user import password
    from kyros_worker.user import sign_in as room

    older = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    user, first = new_user(password_hash=older), []

    def compare(typed, stored):
        right = password.is_password(typed, stored)
        if not first:
            first.append("begins")
            first.append(attempt())
        return right

    monkeypatch.setattr(room, "is_password", compare)
    second = attempt()
    for cookie in (first[1], second):
        assert authenticate_session(cookie).user_id == user.id


def test_counts_are_forgotten_after_a_day(new_user):
    new_user()
    fail(1)
    fail(1, "other@example.com")
    with transaction() as connection:
        forget_old_failures(connection, 10)
    assert failures() == [1, 1]
    pass_time(24 * 3600 + 1)
    with transaction() as connection:
        forget_old_failures(connection, 1)
    assert failures() == [1]
