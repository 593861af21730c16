"""What admins change of keys, and what the audit log tells of it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from kyros_worker.audit.queries import Wanted, newest_entries
from kyros_worker.auth import authenticate
from kyros_worker.auth.change import change
from kyros_worker.auth.revoke import revoke
from kyros_worker.auth.rotate import rotate
from kyros_worker.auth.schemas import ChangedApiKey
from kyros_worker.auth.tables import ApiKey
from kyros_worker.clock import now, rfc3339
from kyros_worker.database import read, transaction
from kyros_worker.errors import ConflictError, InvalidError, NotFoundError
from tests.keys import ACTOR


def changed(key_id, mode=None, **changes):
    with transaction() as connection:
        return change(connection, ACTOR, key_id, ChangedApiKey.model_validate(changes), mode)


def entries(key_id):
    with read() as connection:
        found = newest_entries(connection, None, Wanted(target=key_id), 50)
    return [(one["action"], one["actor"], one["mode"], one["details"]) for one in found][::-1]


def since(key_id):
    with read() as connection:
        query = select(ApiKey.day_budget_since).where(ApiKey.id == key_id)
        return connection.execute(query).scalar()


def test_each_field(new_key):
    made = new_key("tasks:read")
    at = now() + timedelta(days=1)
    changes = {
        "name": "renamed", "permissions": ["tasks:write", "tasks:read", "tasks:read"],
        "expires_at": rfc3339(at), "rate_limit": 60.0, "day_budget_usd": 0.1,
    }  # fmt: skip
    record = {name: value for name, value in made.items() if name != "key"}
    for name, value in changes.items():
        wanted = {"permissions": ["tasks:read", "tasks:write"], "rate_limit": 60}.get(name, value)
        record |= {name: wanted}
        assert changed(made["id"], **{name: value}) == record
        assert entries(made["id"])[-1] == ("api_key.change", "tests", "test", {name: wanted})
    assert changed(made["id"], **changes) == record
    assert len(entries(made["id"])) == 6, "nothing changed: nothing is told"
    authenticate.forget()
    subject = authenticate.authenticate(made["key"])
    assert (subject.permissions, subject.rate_limit) == ({"tasks:read", "tasks:write"}, 60)


def test_money_is_exact(new_key):
    made = new_key("admin")
    changed(made["id"], day_budget_usd=0.1)
    with read() as connection:
        query = select(ApiKey.day_budget_usd).where(ApiKey.id == made["id"])
        assert connection.execute(query).scalar() == Decimal("0.1")


def test_what_can_be_removed(new_key):
    fields = {"expires_at": now() + timedelta(days=1), "rate_limit": 5, "day_budget_usd": 2}
    made = new_key("admin", **fields)
    for name in fields:
        assert changed(made["id"], remove=[name])[name] is None
        assert entries(made["id"])[-1][3] == {name: None}
        again = changed(made["id"], remove=[name, name])
        assert again[name] is None
    assert len(entries(made["id"])) == 4
    assert changed(made["id"], rate_limit=7, remove=["expires_at"])["rate_limit"] == 7


def test_a_budget_is_its_own_from_when_it_was_given(new_key):
    made = new_key("admin")
    assert since(made["id"]) is None
    changed(made["id"], day_budget_usd=5)
    first = since(made["id"])
    assert first is not None
    changed(made["id"], day_budget_usd=6)
    assert since(made["id"]) == first
    changed(made["id"], remove=["day_budget_usd"])
    assert since(made["id"]) is None
    changed(made["id"], day_budget_usd=6)
    assert since(made["id"]) > first
    assert since(new_key("admin", day_budget_usd=1)["id"]) is not None


def test_an_expiry_must_be_to_come(new_key):
    made = new_key("admin")
    with pytest.raises(InvalidError) as caught:
        changed(made["id"], expires_at=rfc3339(now()))
    assert [one.field for one in caught.value.details] == ["expires_at"]
    assert len(entries(made["id"])) == 1


@pytest.mark.parametrize("state", ["revoked", "expired"])
def test_what_has_ended_stays_as_it_is(new_key, state):
    made = new_key("admin")
    with transaction() as connection:
        values = {"revoked_at" if state == "revoked" else "expires_at": now()}
        connection.execute(update(ApiKey).where(ApiKey.id == made["id"]).values(values))
    with pytest.raises(ConflictError, match=f"{made['id']} is {state}: it can't be changed."):
        changed(made["id"], name="x")
    with (
        transaction() as connection,
        pytest.raises(ConflictError, match=f"is {state}: it can't be rotated."),
    ):
        rotate(connection, ACTOR, made["id"], 60)
    assert len(entries(made["id"])) == 1


def test_another_modes_key_is_not_there(new_key):
    made = new_key("admin", mode="live")
    with pytest.raises(NotFoundError):
        changed(made["id"], mode="test", name="x")
    for verb in (revoke, lambda *asked: rotate(*asked[:3], 0, asked[3])):
        with transaction() as connection, pytest.raises(NotFoundError):
            verb(connection, ACTOR, made["id"], "test")


def test_making_and_revoking_are_told(new_key):
    made = new_key("tasks:read", mode="live", rate_limit=5)
    with transaction() as connection:
        first = revoke(connection, ACTOR, made["id"])
        assert revoke(connection, ACTOR, made["id"]) == first
    assert entries(made["id"]) == [
        ("api_key.create", "tests", "live", {
            "name": "a key", "permissions": ["tasks:read"], "expires_at": None, "rate_limit": 5,
            "day_budget_usd": None,
        }),
        ("api_key.revoke", "tests", "live", {}),
    ]  # fmt: skip
    assert made["created_by"] == "tests"
