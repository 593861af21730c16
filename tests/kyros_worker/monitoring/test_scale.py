"""Figures stay cheap however many tasks and calls there are: no statement reads a whole table."""

from functools import partial

import pytest
from sqlalchemy import text

from kyros_worker import database
from kyros_worker.cost import report
from kyros_worker.dispatch import sweeps
from kyros_worker.migrations.upgrade import upgrade
from kyros_worker.monitoring import families
from kyros_worker.monitoring.metrics import metrics
from tests.conftest import execute
from tests.many_tasks import Plan, fill
from tests.statements import statements

_CALLS = """
INSERT INTO model_calls (id, task_id, submission_id, run, claim, number, mode, created_by, role,
    tier, provider, model, state, input_tokens, output_tokens, cost_usd, accepted, premium_usd,
    latency_seconds, prompt, started_at, ended_at)
SELECT 'call_' || n, one.task_id, one.id, 1, n, 1, 'test', 'key_1',
    (ARRAY['implementer', 'critic', 'integrator'])[1 + n % 3],
    CASE WHEN n % 10 = 0 THEN 'premium' ELSE 'economy' END, 'openai',
    CASE WHEN n % 10 = 0 THEN 'gpt-5' ELSE 'gpt-5-mini' END, 'completed', 1000, 500, 0.00125,
    n % 3 = 0, 0.0125, (n % 400) / 10.0, 'A prompt.',
    now() - interval '30 days' + n * (interval '30 days' / :count), now()
FROM generate_series(1, :count) AS n, (SELECT id, task_id FROM submissions LIMIT 1) AS one
"""


@pytest.fixture(scope="module")
def many(stores, request):
    """The engine of a database with so many tasks and as many calls, folded."""
    name = f"kyros_figures_{request.param}"
    execute(stores.database_url, f"CREATE DATABASE {name}")
    upgrade(stores.database(name))
    engine = fill(stores.database(name), request.param)
    with engine.begin() as connection:
        connection.execute(text(_CALLS), {"count": request.param})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(database, "engine", lambda: engine)
        sweeps.fold_increments()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE)"))
    yield engine
    execute(stores.database_url, f"DROP DATABASE {name} WITH (FORCE)")


def check(many, work, most_rows):
    with many.connect() as connection, statements(many) as seen:
        work(connection)
    assert seen
    for one in seen:
        plan = Plan(many, *one)
        print(plan)
        assert not any(plan.reads_whole(table) for table in ("tasks", "model_calls", "events")), (
            str(plan)
        )
        assert plan.visited <= most_rows, str(plan)


@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("many", [1_000_000], indirect=True)
def test_a_million_tasks_and_calls(schema, many):
    for period in report.PERIODS:
        check(many, partial(metrics, mode="test", period=period), 50_000)
        check(many, partial(report.costs, mode="test", created_by="key_1", period=period), 50_000)
    check(many, lambda connection: list(families.of_database(connection)), 50_000)


@pytest.mark.parametrize("many", [20_000], indirect=True)
def test_what_is_told_of_them_all(schema, many):
    with many.connect() as connection:
        told = report.costs(connection, "test", "key_1", "30d")
        tasks, calls = connection.execute(
            text("SELECT (SELECT count(*) FROM tasks WHERE mode = 'test'), count(*)"
                 " FROM model_calls WHERE started_at > now() - interval '30 days'")
        ).one()  # fmt: skip
        found = {one.name: one for one in families.of_database(connection)
                 if (one.name, one.type) != ("kyros_tasks", "counter")}  # fmt: skip
    assert 0 <= calls - told["calls"] <= 1  # the oldest leaves the period meanwhile
    assert sum(sample.value for sample in found["kyros_tasks"].samples) == tasks
