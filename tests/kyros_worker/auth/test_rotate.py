"""Replacing a key's secret: for how long both are good."""

from datetime import datetime, timedelta

import pytest

from kyros_worker.audit.queries import Wanted, newest_entries
from kyros_worker.auth import api_key, authenticate, queries, remembered
from kyros_worker.auth.queries import find
from kyros_worker.auth.revoke import revoke
from kyros_worker.auth.rotate import rotate
from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.errors import UnauthenticatedError
from tests.at_once import at_once
from tests.keys import ACTOR, well_formed


def rotated(made, overlap_seconds=60):
    with transaction() as connection:
        return rotate(connection, ACTOR, made["id"], overlap_seconds)


def admits(key, *, afresh=True):
    if afresh:
        authenticate.forget()
    try:
        authenticate.authenticate(key)
    except UnauthenticatedError:
        return False
    return True


def record(made):
    with read() as connection:
        return find(connection, made["id"])


@pytest.mark.parametrize("mode", ["test", "live"])
def test_both_secrets_are_the_same_key(new_key, mode):
    made = new_key("tasks:read", mode=mode, rate_limit=5)
    again = rotated(made)
    assert (again["id"], again["mode"]) == (made["id"], mode)
    assert well_formed(again["key"])
    assert again["key"].startswith(again["prefix"])
    assert again["key"] != made["key"]
    subjects = [authenticate.authenticate(one["key"]) for one in (made, again)]
    assert subjects[0] == subjects[1]
    ends = datetime.fromisoformat(again["previous_expires_at"])
    assert timedelta(seconds=55) < ends - now() <= timedelta(seconds=60)
    shown = {name: value for name, value in again.items() if name != "key"}
    assert record(made) | {"last_used_at": None} == shown


def test_without_an_overlap_the_one_before_ends(new_key):
    made = new_key("admin")
    again = rotated(made, 0)
    assert again["previous_expires_at"] is None
    assert admits(again["key"])
    assert not admits(made["key"])


def test_the_overlap_ends_to_the_moment(new_key, monkeypatch):
    """Also where the secret is remembered."""
    made = new_key("admin")
    again = rotated(made, 60)
    ends = datetime.fromisoformat(again["previous_expires_at"])
    assert admits(made["key"])
    monkeypatch.setattr(remembered, "now", lambda: ends - timedelta(seconds=1))
    assert admits(made["key"], afresh=False)
    monkeypatch.setattr(remembered, "now", lambda: ends + timedelta(milliseconds=1))
    assert not admits(made["key"], afresh=False)
    assert admits(again["key"], afresh=False)
    monkeypatch.setattr(queries, "now", lambda: ends + timedelta(milliseconds=1))
    assert record(made)["previous_expires_at"] is None, "it is told of no more"


def test_the_secret_before_ends_with_its_key(new_key, monkeypatch):
    ends = now() + timedelta(minutes=30)
    made = new_key("admin", expires_at=ends)
    again = rotated(made, 3600)
    assert admits(made["key"])
    monkeypatch.setattr(remembered, "now", lambda: ends)
    for key in (made["key"], again["key"]):
        assert not admits(key, afresh=False)


def test_rotating_again_ends_the_oldest(new_key):
    first = new_key("admin")
    second = rotated(first)
    third = rotated(first)
    assert [admits(one["key"]) for one in (first, second, third)] == [False, True, True]
    fourth = rotated(first, 0)
    assert [admits(one["key"]) for one in (second, third, fourth)] == [False, False, True]


def test_revoking_ends_both(new_key):
    made = new_key("admin")
    again = rotated(made)
    with transaction() as connection:
        revoke(connection, ACTOR, made["id"])
    assert not admits(made["key"])
    assert not admits(again["key"])


def test_of_two_at_once_one_follows_the_other(new_key):
    made = new_key("admin")
    both = at_once(rotated, [made, made])
    assert not admits(made["key"]), "its overlap was ended by the second"
    assert all(admits(one["key"]) for one in both)
    last = record(made)["prefix"]
    assert last in [one["prefix"] for one in both]


def test_the_secrets_are_nowhere_in_the_audit_log(new_key):
    made = new_key("admin")
    again = rotated(made)
    with read() as connection:
        found = newest_entries(connection, None, Wanted(target=made["id"]), 10)
    assert [one["action"] for one in found] == ["api_key.rotate", "api_key.create"]
    assert found[0]["details"] == {"previous_expires_at": again["previous_expires_at"]}
    for one in (made, again):
        assert one["key"] not in str(found)
        assert api_key.digest(one["key"]) not in str(found)
