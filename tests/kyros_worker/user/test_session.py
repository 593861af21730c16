from datetime import timedelta
from hashlib import sha256

import pytest
from sqlalchemy import select, update

from kyros_worker.audit.actor import Actor
from kyros_worker.auth.subject import PERMISSIONS_OF
from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.errors import NotFoundError, UnauthenticatedError
from kyros_worker.user.failures import count_try
from kyros_worker.user.session import (
    authenticate_session,
    end_all_sessions,
    end_session,
    forget_ended_sessions,
    list_sessions,
)
from kyros_worker.user.tables import Session, SignInFailures, User
from tests.factories import change, row
from tests.people import audit_entries, session_of

ACTOR = Actor("usr_0000000000001", "192.0.2.1", "req_1")


def test_who_has_signed_in(new_user):
    user = new_user("reviewer")
    found = authenticate_session(session_of(user.id))
    assert (found.user_id, found.email, found.name) == (user.id, "jo@example.com", "Jo")
    assert (found.subject.id, found.subject.kind, found.subject.mode) == (
        user.id,
        "session",
        "test",
    )
    assert found.subject.permissions == PERMISSIONS_OF["reviewer"]


def test_only_the_hash_is_stored(new_user):
    cookie = session_of(new_user().id)
    found = authenticate_session(cookie)
    stored = row(Session, found.session_id)
    assert stored.hash == sha256(cookie.encode()).hexdigest()
    assert cookie not in repr(stored)
    assert found.csrf_token not in repr(stored)


def test_each_cookie_and_each_csrf_token_is_its_own(new_user):
    user = new_user()
    cookies = [session_of(user.id) for _ in range(3)]
    tokens = {authenticate_session(cookie).csrf_token for cookie in cookies}
    assert len({*cookies, *tokens}) == 6
    assert authenticate_session(cookies[0]).csrf_token in tokens


@pytest.mark.parametrize("cookie", ["", "x", "A" * 43, "A" * 5000, "é" * 43, "\x00" * 43, "\ud800"])
def test_a_cookie_of_elsewhere(no_users, cookie):
    with pytest.raises(UnauthenticatedError):
        authenticate_session(cookie)


@pytest.mark.parametrize(
    ("column", "ago", "alive"),
    [
        ("last_seen_at", timedelta(hours=23, minutes=59), True),
        ("last_seen_at", timedelta(hours=24), False),
        ("expires_at", timedelta(seconds=0), False),
        ("expires_at", timedelta(minutes=-1), True),
    ],
)
def test_how_long_it_lasts(new_user, column, ago, alive):
    user = new_user()
    cookie = session_of(user.id)
    session_id = authenticate_session(cookie).session_id
    change(Session, session_id, **{column: now() - ago})
    with transaction() as connection:
        assert len(list_sessions(connection, user.id, 10)) == alive
    if alive:
        authenticate_session(cookie)
    else:
        with pytest.raises(UnauthenticatedError):
            authenticate_session(cookie)
    with transaction() as connection:
        forget_ended_sessions(connection, 10)
        left = connection.execute(Session.__table__.select()).all()
    assert len(left) == alive


def test_the_dispatcher_forgets_what_has_ended(new_user):
    from kyros_worker.dispatch import sweeps

    user = new_user()
    alive, ended = (authenticate_session(session_of(user.id)).session_id for _ in range(2))
    change(Session, ended, expires_at=now())
    sweeps.ended_sessions()
    with read() as connection:
        assert connection.execute(select(Session.id)).scalars().all() == [alive]


def test_a_sweep_says_whether_there_may_be_more(new_user, monkeypatch):
    from kyros_worker.dispatch import sweeps

    monkeypatch.setattr(sweeps, "_AT_ONCE", 2)
    user = new_user()
    for _ in range(3):
        session_id = authenticate_session(session_of(user.id)).session_id
        change(Session, session_id, expires_at=now())
    assert [sweeps.ended_sessions() for _ in range(2)] == [True, False]
    for number in range(3):
        count_try(f"{number}@example.com", None)
    with transaction() as connection:
        connection.execute(update(SignInFailures).values(last_at=now() - timedelta(days=2)))
    assert [sweeps.ended_sessions() for _ in range(2)] == [True, False]


def test_it_lasts_seven_days_however_often_it_is_used(new_user):
    cookie = session_of(new_user().id)
    stored = row(Session, authenticate_session(cookie).session_id)
    assert stored.expires_at - stored.created_at == timedelta(days=7)


def test_its_use_is_recorded_to_the_minute(new_user):
    cookie = session_of(new_user().id)
    session_id = authenticate_session(cookie).session_id
    began = row(Session, session_id).last_seen_at
    authenticate_session(cookie)
    assert row(Session, session_id).last_seen_at == began
    change(Session, session_id, last_seen_at=began - timedelta(minutes=2))
    authenticate_session(cookie)
    assert row(Session, session_id).last_seen_at >= began


def test_a_disabled_user_is_refused_at_once(new_user):
    user = new_user()
    cookie = session_of(user.id)
    authenticate_session(cookie)
    change(User, user.id, disabled_at=now())
    with pytest.raises(UnauthenticatedError):
        authenticate_session(cookie)


def test_the_role_is_read_anew(new_user):
    user = new_user("admin")
    cookie = session_of(user.id)
    assert authenticate_session(cookie).subject.may("admin")
    change(User, user.id, role="viewer")
    assert authenticate_session(cookie).subject.permissions == PERMISSIONS_OF["viewer"]
    change(User, user.id, role="of another version")
    assert authenticate_session(cookie).subject.permissions == frozenset()


def test_ending_it(new_user):
    user, other = new_user(), new_user(email="other@example.com")
    cookie = session_of(user.id)
    session_id = authenticate_session(cookie).session_id
    for wrong, whose in [(session_id, other.id), ("ses_1", user.id), ("\x00", user.id)]:
        with pytest.raises(NotFoundError), transaction() as connection:
            end_session(connection, ACTOR, wrong, whose)
    with transaction() as connection:
        end_session(connection, ACTOR, session_id, user.id)
    with pytest.raises(UnauthenticatedError):
        authenticate_session(cookie)
    entry = audit_entries("session.end")[0]
    assert (entry["actor"], entry["target"]) == (ACTOR.id, session_id)
    assert entry["details"] == {"user_id": user.id}


def test_ending_all_but_this_one(new_user):
    user, other = new_user(), new_user(email="other@example.com")
    mine, elsewhere, others = session_of(user.id), session_of(user.id), session_of(other.id)
    with transaction() as connection:
        end_all_sessions(connection, user.id, but=authenticate_session(mine).session_id)
    authenticate_session(mine)
    authenticate_session(others)
    with pytest.raises(UnauthenticatedError):
        authenticate_session(elsewhere)
    with transaction() as connection:
        end_all_sessions(connection, user.id)
    with pytest.raises(UnauthenticatedError):
        authenticate_session(mine)


def test_the_list_holds_nothing_secret(new_user):
    user = new_user()
    first, second = session_of(user.id), session_of(user.id)
    with read() as connection:
        found = list_sessions(connection, user.id, 10)
    ids = [authenticate_session(cookie).session_id for cookie in (second, first)]
    assert [session["id"] for session in found] == ids
    assert set(found[0]) == {
        "id", "address", "user_agent", "created_at", "last_seen_at", "expires_at",
    }  # fmt: skip
    assert found[0]["created_at"].endswith("Z")
    with read() as connection:
        assert list_sessions(connection, user.id, 1) == found[:1]


def test_a_strange_browser(new_user):
    from kyros_worker.user.session import begin_session

    with transaction() as connection:
        agent = "a\x00\n\ud800" + "b" * 1000
        session_id, cookie = begin_session(
            connection, new_user().id, address=None, user_agent=agent
        )
    assert authenticate_session(cookie).session_id == session_id
    stored = row(Session, session_id)
    assert stored.user_agent == "a" + "b" * 299
