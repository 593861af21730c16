import threading
import time
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from kyros_worker.auth import authenticate, remembered, revoke
from kyros_worker.auth.remembered import REMEMBERED_SECONDS, Remembered
from kyros_worker.auth.tables import ApiKey
from kyros_worker.clock import now
from kyros_worker.database import engine, read, transaction
from kyros_worker.errors import InvalidError, UnauthenticatedError
from tests.keys import ACTOR, well_formed
from tests.statements import statements


def last_used(key_id):
    with read() as connection:
        return connection.execute(select(ApiKey.last_used_at).where(ApiKey.id == key_id)).scalar()


def test_who_is_calling(new_key):
    made = new_key("tasks:read", "tasks:write", mode="live")
    subject = authenticate.authenticate(made["key"])
    assert (subject.id, subject.mode) == (made["id"], "live")
    assert subject.permissions == {"tasks:read", "tasks:write"}
    assert subject.may("tasks:read")
    assert not subject.may("admin")


def test_a_key_of_ones_own_needs_no_checksum(new_key):
    key = "kyros_test_" + "A" * 38
    made = new_key("admin", key=key)
    assert not well_formed(key)
    assert authenticate.authenticate(key).id == made["id"]
    assert authenticate.authenticate(key).may("webhooks:manage")


@pytest.mark.parametrize("token", ["", "x", "kyros_live_x", "kyros_test_\0", "a.b.c"])
def test_unknown(no_keys, token):
    with pytest.raises(UnauthenticatedError):
        authenticate.authenticate(token)


def test_its_limit_comes_with_it(new_key):
    assert authenticate.authenticate(new_key("admin")["key"]).rate_limit is None
    assert authenticate.authenticate(new_key("admin", rate_limit=7)["key"]).rate_limit == 7


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 48), st.characters(codec="utf-8"))
def test_a_key_with_a_slip_is_unknown(new_key, at, character):
    key = new_key("admin")["key"]
    for wrong in (key[:at] + character + key[at + 1 :], key[:at], key.lower(), key.swapcase()):
        if wrong != key:
            with pytest.raises(UnauthenticatedError):
                authenticate.authenticate(wrong)


def test_every_refusal_says_the_same(new_key):
    revoked, expired = new_key("admin"), new_key("admin")
    past = now() - timedelta(seconds=1)
    with transaction() as connection:
        revoke.revoke(connection, ACTOR, revoked["id"])
        statement = update(ApiKey).where(ApiKey.id == expired["id"])
        connection.execute(statement.values(expires_at=past))
    sentences = set()
    for key in (revoked["key"], expired["key"], "kyros_live_unknown", "nonsense"):
        with pytest.raises(UnauthenticatedError) as caught:
            authenticate.authenticate(key)
        sentences.add(caught.value.message)
    assert len(sentences) == 1


def test_a_remembered_key_still_expires(new_key, monkeypatch):
    ends = now() + timedelta(hours=1)
    made = new_key("admin", expires_at=ends)
    authenticate.authenticate(made["key"])
    monkeypatch.setattr(remembered, "now", lambda: ends)
    with pytest.raises(UnauthenticatedError):
        authenticate.authenticate(made["key"])


def test_a_key_cannot_be_made_expired(new_key):
    with pytest.raises(InvalidError):
        new_key("admin", expires_at=now())


def test_remembered_for_less_than_two_seconds(new_key):
    made = new_key("admin")
    authenticate.authenticate(made["key"])
    with statements(engine()) as seen:
        for _ in range(100):
            authenticate.authenticate(made["key"])
    assert seen == []
    with transaction() as connection:
        revoke.revoke(connection, ACTOR, made["id"])
    until = time.monotonic() + 2
    while True:
        # Looked at once more after the deadline: a busy machine may have kept us from looking.
        late = time.monotonic() > until
        try:
            authenticate.authenticate(made["key"])
        except UnauthenticatedError:
            return
        assert not late, "the revoked key still works after two seconds"
        time.sleep(0.05)


def test_a_revoked_key_ends_in_every_process(new_key, monkeypatch):
    """Two processes: each with what it remembers."""
    made = new_key("admin")
    memories = [Remembered(authenticate._look_up) for _ in range(2)]

    def admits(memory):
        monkeypatch.setattr(authenticate, "_remembered", memory)
        try:
            return authenticate.authenticate(made["key"]).id == made["id"]
        except UnauthenticatedError:
            return False

    assert all(map(admits, memories))
    with transaction() as connection:
        revoke.revoke(connection, ACTOR, made["id"])
    time.sleep(REMEMBERED_SECONDS)
    assert not any(map(admits, memories))


def test_what_is_remembered_is_no_secret(new_key):
    made = new_key("admin")
    authenticate.authenticate(made["key"])
    known = repr(authenticate._remembered._known)
    assert made["id"] in known
    assert made["key"] not in known


def test_last_use_is_recorded_once_a_minute(new_key):
    made = new_key("admin")
    assert last_used(made["id"]) is None
    authenticate.authenticate(made["key"])
    first = last_used(made["id"])
    assert now() - first < timedelta(seconds=5)
    authenticate.forget()
    authenticate.authenticate(made["key"])
    assert last_used(made["id"]) == first
    with transaction() as connection:
        connection.execute(update(ApiKey).values(last_used_at=first - timedelta(seconds=61)))
    authenticate.forget()
    authenticate.authenticate(made["key"])
    assert last_used(made["id"]) >= first


def test_a_locked_row_does_not_hold_requests_up(new_key):
    made = new_key("admin")
    with transaction() as connection:
        connection.execute(select(ApiKey.id).where(ApiKey.id == made["id"]).with_for_update())
        done = []
        thread = threading.Thread(
            target=lambda: done.append(authenticate.authenticate(made["key"]))
        )
        thread.start()
        thread.join(20)
        assert done
