"""Sums are the rows' own, whenever they are read, and whatever becomes of the sweep."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib import import_module

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from kyros_worker.clock import now
from kyros_worker.cost.tables import ModelCall
from kyros_worker.database import engine, read, transaction
from kyros_worker.monitoring.metrics import TALLIES, TASKS
from kyros_worker.rollup import fold
from kyros_worker.rollup.spans import A_MINUTE, floor
from kyros_worker.rollup.tables import FOLDED
from kyros_worker.task.create import create_tasks
from tests import factories, stories
from tests.conftest import SUMS
from tests.webhooks import forget, webhook

pytestmark = pytest.mark.usefixtures("no_tasks")


def sums():
    """Everything that is folded or not, by table, span and keys; what adds up to nothing is not."""
    found = {}
    for table, increments in FOLDED:
        names = [one.name for one in table.__table__.columns]
        keys = [one for one in names if table.__table__.c[one].primary_key]
        values = [one for one in names if one not in keys and not one.endswith("st_seconds")]
        added = ", ".join(f"sum({name})" for name in values)
        grouped = ", ".join(keys)
        spans = "(VALUES ('minute', at), ('hour', date_trunc('hour', at, 'UTC')),"
        spans += " ('ever', timestamptz 'epoch')) AS one (span, since)"
        rest = [name for name in (*keys, *values) if name not in ("span", "at")]
        query = (  # names of our own tables
            f"SELECT {grouped}, {added} FROM (SELECT span, at, {', '.join(rest)}"
            f" FROM {table.__tablename__} UNION ALL SELECT one.span, one.since, {', '.join(rest)}"
            f" FROM {increments.name}, LATERAL {spans}) AS together GROUP BY {grouped}"
        )
        for row in stories.rows(query):
            if any(row[len(keys) :]):
                found[table.__tablename__, *row[: len(keys)]] = tuple(row[len(keys) :])
    return found


def entered():
    """What the reader says of entries into a status, by status and type."""
    counted = {}
    with read() as connection:
        for row in TASKS.ever(connection, "test"):
            if stories._STATUS[row["became"]] != stories._STATUS.get(row["was"]):
                key = (stories._STATUS[row["became"]], row["type"])
                counted[key] = counted.get(key, 0) + row["count"]
    return counted


@pytest.mark.parametrize("seed", range(6))
def test_sums_are_what_the_events_say(seed):
    stories.live_through(seed)
    before = sums()
    assert entered() == stories.entered()
    with transaction() as connection:
        assert fold.fold(connection) > 0
    assert sums() == before
    stories.live_through(seed + 100)
    assert entered() == stories.entered()
    stories.fold_all()
    assert entered() == stories.entered()
    for _, increments in FOLDED:
        assert stories.rows(f"SELECT count(*) FROM {increments.name}")[0][0] == 0


def counted_anew():
    """The sums of the rows as they are, made as the migration made those of what was before it."""
    migration = import_module("kyros_worker.migrations.versions.0003_sums_and_alerts")
    with transaction() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(SUMS)}"))
        connection.execute(text(migration.ADDING_CALLS))
        connection.execute(text(migration.BEFORE))
        connection.execute(text("DROP FUNCTION add_call"))
    stories.fold_all()
    return sums()


@pytest.mark.parametrize("seed", range(2))
def test_what_was_before_there_were_sums(seed):
    stories.live_through(seed)
    stories.fold_all()
    found = sums()
    assert counted_anew() == found


@pytest.mark.parametrize("seed", range(2))
def test_one_statement_changes_many_calls(seed):
    """Of several models, minutes and tiers; some that had not ended yet."""
    stories.live_through(seed)
    with transaction() as connection:
        changed = connection.execute(
            text(
                "UPDATE model_calls SET state = 'failed', cost_usd = coalesce(cost_usd, 0) + 0.25,"
                " unpriced = NULL, accepted = NOT accepted, latency_seconds = 0.1 * number + 0.3,"
                " error_kind = CASE WHEN error_kind IS NULL THEN 'timeout' END,"
                " started_at = started_at - number * interval '30 seconds'"
            )
        )
        assert changed.rowcount > 10
    stories.fold_all()
    found = sums()
    assert counted_anew() == found


def test_a_call_that_is_corrected_is_counted_as_it_is():
    """Estimated when its worker is lost, known when the worker comes back, accepted at the end."""
    from kyros_worker.task.lost import take_from_lost_worker

    work = factories.begin(factories.create()["submission_id"])
    factories.expire(work.submission_id)
    with transaction() as connection:
        take_from_lost_worker(connection, work.task_id, work.submission_id)
    stories.fold_all()
    assert [row.estimated for row in stories.calls().values()] == [stories.spent()]
    factories.finish(work)
    call = factories.row(ModelCall, work.call_id)
    assert (call.state, call.estimated) == ("lost", False)
    stories.fold_all()
    found = stories.rows("SELECT calls, cost, estimated_cost, estimated_calls FROM call_sums")
    assert found == [(1, call.cost_usd, 0, 0)] * 3


def in_minute(at):
    """How many tasks were created in a minute, as the reader says."""
    minute = floor(at, A_MINUTE)
    with read() as connection:
        found = TASKS.over(connection, "test", [minute, minute + A_MINUTE])
    return sum(row["count"] for _, row in found)


def test_a_late_commit_is_counted_in_its_own_minute(monkeypatch):
    from kyros_worker.task import create

    at = now() - timedelta(minutes=10)
    with engine().connect() as late:
        open_one = late.begin()
        with monkeypatch.context() as patched:
            patched.setattr(create, "now", lambda: at)
            create_tasks(late, [factories.new_task()], factories.WHO, "req_1")
        factories.create()
        for _ in range(2):
            stories.fold_all()
            assert in_minute(at) == 0
            assert entered() == {("pending", "implementation"): 1}
        open_one.commit()
    for _ in range(2):
        assert in_minute(at) == 1
        assert entered() == {("pending", "implementation"): 2}
        stories.fold_all()


def test_what_is_rolled_back_is_never_counted():
    with engine().connect() as connection, connection.begin() as given_up:
        create_tasks(connection, [factories.new_task()], factories.WHO, "req_1")
        given_up.rollback()
    stories.fold_all()
    assert sums() == {}


def test_a_sweep_that_dies_has_done_nothing():
    factories.run(factories.create()["id"])
    expected = sums()
    with engine().connect() as dying:
        dying.begin()
        assert fold.fold(dying) > 0
        pid = dying.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with transaction() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(OperationalError):
            dying.execute(text("SELECT 1"))
    assert sums() == expected
    stories.fold_all()
    assert sums() == expected


def test_many_sweeps_and_writers_at_once():
    ready, done = threading.Barrier(8), threading.Event()

    def sweep(_):
        ready.wait()
        while not done.is_set():
            with transaction() as connection:
                fold.fold(connection)

    def write(seed):
        ready.wait()
        stories.live_through(seed, count=5)

    with ThreadPoolExecutor(8) as threads:
        sweeping = [threads.submit(sweep, number) for number in range(4)]
        writing = [threads.submit(write, seed) for seed in range(4)]
        try:
            for one in writing:
                one.result()
        finally:
            done.set()
        for one in sweeping:
            one.result()
    assert entered() == stories.entered()
    stories.fold_all()
    assert entered() == stories.entered()


def test_it_goes_in_bounded_steps(monkeypatch):
    for _ in range(7):
        factories.create()
    monkeypatch.setattr(fold, "AT_ONCE", 3)
    monkeypatch.setattr(fold, "_FOLDS", tuple(fold._folding(*pair) for pair in FOLDED))
    with transaction() as connection:
        assert fold.fold(connection) == 3
    assert entered() == {("pending", "implementation"): 7}
    stories.fold_all()
    assert stories.rows("SELECT count(*) FROM task_increments")[0][0] == 0
    assert entered() == {("pending", "implementation"): 7}


def test_deliveries_and_attempts(schema):
    forget()
    webhook()
    factories.create()
    factories.create()
    first, second = (
        row[0]
        for row in stories.rows(
            "SELECT id FROM deliveries WHERE event_type = 'task.created' ORDER BY id"
        )
    )
    stories.attempt(first, 500, 0, 204)
    stories.attempt(second, 404)
    with transaction() as connection:
        connection.execute(text("UPDATE deliveries SET state = 'exhausted' WHERE id = :id"),
                           {"id": second})  # fmt: skip
    for _ in range(2):
        with read() as connection:
            found = {
                (row["what"], row["outcome"]): row["count"]
                for row in TALLIES.ever(connection, "test")
            }
        assert found == {
            ("attempt", "failed"): 3, ("attempt", "succeeded"): 1, ("delivery", "delivered"): 1,
            ("delivery", "exhausted"): 1,
        }  # fmt: skip
        stories.fold_all()


def test_old_minutes_and_hours_are_forgotten_and_never_what_they_add_up_to():
    factories.create()
    stories.fold_all()
    with transaction() as connection:
        connection.execute(
            text("UPDATE task_sums SET at = at - interval '33 days' WHERE span <> 'ever'")
        )
        fold.forget_old(connection)
    assert [row[0] for row in stories.rows("SELECT span FROM task_sums")] == ["ever"]
    assert entered() == {("pending", "implementation"): 1}


def test_the_first_types_have_labels_of_their_own(monkeypatch):
    monkeypatch.setattr(fold, "MOST_LABELS", 3)
    for name in ("c", "b"):
        factories.create(type=name)
    stories.fold_all()
    for name in ("a", "d", "b"):
        factories.create(type=name)
    stories.fold_all()
    labelled = stories.rows("SELECT type FROM labelled_types ORDER BY type")
    assert [row[0] for row in labelled] == ["a", "b", "c"]
    types = stories.rows("SELECT DISTINCT type FROM task_sums ORDER BY type")
    assert [row[0] for row in types] == ["a", "b", "c", "other"]
    assert entered() == {
        ("pending", "a"): 1, ("pending", "b"): 2, ("pending", "c"): 1, ("pending", "other"): 1,
    }  # fmt: skip


def test_a_type_that_comes_while_labels_are_given_waits_for_its_own(monkeypatch):
    factories.create(type="a")
    label = fold._label

    def then_another(connection):
        label(connection)
        factories.create(type="b")

    with monkeypatch.context() as patched, transaction() as connection:
        patched.setattr(fold, "_label", then_another)
        assert fold.fold(connection) > 0
    assert stories.rows("SELECT DISTINCT type FROM task_sums") == [("a",)]
    stories.fold_all()
    assert entered() == {("pending", "a"): 1, ("pending", "b"): 1}
