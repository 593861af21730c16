"""Reading stays cheap however many tasks there are: few queries, and plans that visit little."""

from functools import partial

import pytest
from sqlalchemy import text

from kyros_worker import database
from kyros_worker.cursor import encode
from kyros_worker.dispatch import sweeps
from kyros_worker.dispatch.publish import publish_due
from kyros_worker.migrations.upgrade import upgrade
from kyros_worker.task import queries
from kyros_worker.task.schemas import TaskFilter
from tests.conftest import execute
from tests.many_tasks import Plan, fill
from tests.statements import statements

LISTS = {
    "all": {},
    "status": {"status": "completed"},
    "rare status": {"status": "pending"},
    "state": {"state": "failed"},
    "rare state": {"state": "awaiting_approval"},
    "type": {"type": "review"},
    "rare type": {"type": "audit"},
    "unknown type": {"type": "nobody-has-this"},
    "priority": {"priority": "critical"},
    "role": {"assignee_role": "critic"},
    "unknown role": {"assignee_role": "nobody"},
    "after": {"created_after": "2026-01-02T00:00:00Z"},
    "before": {"created_before": "2026-01-02T00:00:00Z"},
    "between": {"created_after": "2026-01-01T06:00:00Z", "created_before": "2026-01-01T07:00:00Z"},
    "state, type": {"state": "failed", "type": "deployment"},
    "status, priority": {"status": "failed", "priority": "critical"},
    "rare state, priority": {"state": "queued", "priority": "low"},
    "rare state, rare type": {"state": "awaiting_approval", "type": "audit"},
    "type, role": {"type": "implementation", "assignee_role": "critic"},
    "type, role of none": {"type": "review", "assignee_role": "integrator"},
    "all filters": {
        "status": "failed", "state": "failed", "type": "review", "priority": "high",
        "assignee_role": "critic", "created_after": "2026-01-01T00:00:00Z",
    },
    "common word": {"q": "people"},
    "word of a fifth": {"q": "login"},
    "word of a thousandth": {"q": "module77"},
    "rare word": {"q": "quetzal"},
    "unknown word": {"q": "nobodyhaswrittenthis"},
    "two words": {"q": "login word77"},
    "common and rare word": {"q": "people quetzal"},
    "phrase": {"q": '"change the billing"'},
    "word and state": {"q": "billing", "state": "failed"},
    "rare word and state": {"q": "quetzal", "state": "completed"},
    "word of a thousandth and rare state": {"q": "module77", "state": "queued"},
}  # fmt: skip


@pytest.fixture(scope="module")
def many(stores, request):
    """The engine of a database with so many tasks, and their ids from new to old."""
    name = f"kyros_scale_{request.param}"
    execute(stores.database_url, f"CREATE DATABASE {name}")
    upgrade(stores.database(name))
    engine = fill(stores.database(name), request.param)
    yield engine
    execute(stores.database_url, f"DROP DATABASE {name} WITH (FORCE)")


def executed(engine, work):
    """Every statement that the work executes."""
    with engine.connect() as connection, statements(engine) as seen:
        work(connection)
    return seen


def middle_id(engine):
    """An id in the midst of all tasks'."""
    with engine.connect() as connection:
        bounds = connection.execute(text("SELECT min(id), max(id) FROM tasks")).one()
    low, high = (int(one.removeprefix("task_")) for one in bounds)
    return f"task_{(low + high) // 2:023d}"


def nothing_to_publish():
    with database.transaction() as connection:
        assert publish_due(connection, None, None) == 0


#: What the dispatcher asks again and again; here there is nothing to do.
SWEEPS = (
    sweeps.deadlines,
    sweeps.expired_leases,
    sweeps.raise_waiting,
    sweeps.undecided,
    nothing_to_publish,
)


def single_reads(engine):
    """The reads of one task: what they are called, and the work."""
    with engine.connect() as connection:
        task_id = connection.execute(
            text("SELECT min(task_id) FROM events JOIN tasks ON task_id = tasks.id "
                 "WHERE mode = 'live'")
        ).scalar_one()  # fmt: skip
    yield "get", 1, lambda connection: queries.get_task(connection, task_id, "live")
    yield "status", 1, lambda connection: queries.get_status(connection, task_id, "live")
    yield (
        "timeline",
        2,
        lambda connection: queries.get_timeline(connection, task_id, "live", None, 200),
    )


def lists(engine):
    middle = middle_id(engine)
    for name, query in LISTS.items():
        wanted = TaskFilter.model_validate(query)
        yield name, wanted
        cursor = encode(middle, queries.list_scope("live", wanted))
        yield f"{name}, half way", wanted.model_copy(update={"cursor": cursor})


def check(name, engine, found, most_rows):
    plans = [Plan(engine, *one) for one in found]
    shown = "\n".join(f"{name}: {plan}" for plan in plans)
    print(shown)
    for plan in plans:
        for table in ("tasks", "events", "submissions"):
            assert not plan.reads_whole(table), shown
        assert plan.visited <= most_rows, shown
        assert plan.buffers <= most_rows, shown


@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("many", [1_000_000], indirect=True)
def test_a_million_tasks(many, monkeypatch):
    for name, statement_count, work in single_reads(many):
        found = executed(many, work)
        assert len(found) == statement_count
        check(name, many, found, most_rows=50)
    for name, wanted in lists(many):
        found = executed(many, partial(queries.list_tasks, mode="live", wanted=wanted))
        assert len(found) == 1
        # A fiftieth of all tasks, where two filters meet: some milliseconds.
        check(name, many, found, most_rows=20_000)
    monkeypatch.setattr(database, "engine", lambda: many)
    for sweep in SWEEPS:
        with statements(many) as seen:
            sweep()
        check(sweep.__name__, many, seen, most_rows=50)


@pytest.mark.parametrize("many", [20_000], indirect=True)
def test_a_read_is_one_statement(many):
    for name, statement_count, work in single_reads(many):
        assert len(executed(many, work)) == statement_count, name
    for name, wanted in lists(many):
        work = partial(queries.list_tasks, mode="live", wanted=wanted)
        assert len(executed(many, work)) == 1, name
