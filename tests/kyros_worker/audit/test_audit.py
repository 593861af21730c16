"""The log of who did what: written with the act, read by filters, changed by nobody."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from kyros_worker.audit.actor import COMMAND_LINE, SYSTEM, Actor
from kyros_worker.audit.queries import Wanted, newest_entries
from kyros_worker.audit.write import write_entry
from kyros_worker.clock import now
from kyros_worker.database import engine, read, transaction
from tests.statements import statements

ADA = Actor("usr_1", "192.0.2.7", "req_1", "oac_1")


def write(actor, action, target, **details):
    with transaction() as connection:
        write_entry(connection, actor, action, target, **details)


def found(mode=None, limit=10, after=None, **wanted):
    with read() as connection:
        return newest_entries(connection, mode, Wanted(**wanted), limit, after)


def test_an_entry_says_who_what_when_and_from_where(schema):
    before = now()
    write(ADA, "api_key.create", "key_said", mode="live", name="ci", permissions=["admin"])
    (entry,) = found(target="key_said")
    assert entry["id"].startswith("aud_")
    assert before.isoformat()[:10] == entry["at"][:10]
    assert {name: entry[name] for name in entry if name not in ("id", "at")} == {
        "actor": "usr_1",
        "via": "oac_1",
        "action": "api_key.create",
        "target": "key_said",
        "mode": "live",
        "address": "192.0.2.7",
        "request_id": "req_1",
        "details": {"name": "ci", "permissions": ["admin"]},
    }


def write_and_fail():
    with transaction() as connection:
        write_entry(connection, SYSTEM, "user.create", "usr_undone")
        raise RuntimeError


def test_what_is_rolled_back_was_not_done(schema):
    with pytest.raises(RuntimeError):
        write_and_fail()
    assert found(target="usr_undone") == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET actor = 'usr_2'",
        "DELETE FROM audit_entries",
        "DELETE FROM audit_entries WHERE id = 'aud_0'",
        "TRUNCATE audit_entries",
    ],
)
def test_nobody_changes_it(schema, statement):
    write(SYSTEM, "user.create", "usr_kept")
    with pytest.raises(DBAPIError, match="append-only"), transaction() as connection:
        connection.execute(text(statement))
    assert found(target="usr_kept")


def test_filters(schema):
    write(COMMAND_LINE, "user.create", "usr_filtered")
    between = now()
    write(ADA, "user.disable", "usr_filtered")

    def actions(**wanted):
        return [entry["action"] for entry in found(target="usr_filtered", **wanted)]

    assert actions() == ["user.disable", "user.create"]
    assert actions(actor="command line") == ["user.create"]
    assert actions(action="user.disable") == ["user.disable"]
    assert actions(since=between) == ["user.disable"]
    assert actions(before=between) == ["user.create"]
    assert actions(since=between + timedelta(minutes=1)) == []
    assert actions(actor="' OR 1=1 --") == []


@pytest.mark.parametrize(
    ("reader", "seen"),
    [
        ("test", ["test"]),
        ("live", [None, "live"]),
        (None, [None, "test", "live"]),
    ],
)
def test_each_mode_sees_its_own(schema, reader, seen):
    for mode in ("live", "test", None):
        write(SYSTEM, "thing.do", "thing_of_modes", mode=mode)
    modes = [entry["mode"] for entry in found(reader, limit=len(seen), target="thing_of_modes")]
    assert modes == seen


def test_the_few_of_test_mode_are_found_among_many_of_live(schema):
    """Without reading the others. They are never committed, since nobody could delete them."""
    many = text(
        "INSERT INTO audit_entries (id, at, action, mode, details) "
        "SELECT 'aud_' || n, now(), 'thing.do', 'live', '{}' FROM generate_series(1, 20000) AS n"
    )
    with engine().connect() as connection:
        connection.execute(many)
        connection.execute(text("ANALYZE audit_entries"))
        with statements(engine()) as seen:
            newest_entries(connection, "test", Wanted(), 50)
        [(statement, parameters)] = seen
        plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
    assert "audit_entries_by_mode" in "".join(plan)
