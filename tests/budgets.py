"""A configuration for tests that has budgets; the tasks stay on the sandbox."""

import time
from contextlib import contextmanager

import pytest
from sqlalchemy import select, text

from kyros_worker.cost.limits import Counter
from kyros_worker.cost.spending import summed_up
from kyros_worker.cost.tables import Spending
from kyros_worker.database import read, transaction
from kyros_worker.task.start import start
from tests import factories
from tests.at_once import at_once
from tests.live_models import configured

#: As long as a test of a day's money takes at most.
MEANWHILE_SECONDS = 30


@contextmanager
def budgets(folder, **tables):
    """`budgets(tmp_path, day={"hard": 1}, task={"hard": 1, "at_hard_limit": "fail"})`."""
    lines = []
    for table, values in tables.items():
        lines.append(f"[budgets.{table}]")
        lines += [
            f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}"
            for name, value in values.items()
        ]
    with configured(folder / "budgets.toml", "\n".join(lines) + "\n"):
        yield


@pytest.fixture
def no_money(no_tasks):
    """No counters and no system events of other tests, in a day that does not end meanwhile."""
    seconds_left = 86_400 - time.time() % 86_400
    if seconds_left < MEANWHILE_SECONDS:
        time.sleep(seconds_left)
    with transaction() as connection:
        connection.execute(text("TRUNCATE spendings, system_events, alerts"))


def counters():
    """The counters, each after checking that it is the ledger's sum to the last digit."""
    with read() as connection:
        rows = connection.execute(select(Spending)).all()
        for row in rows:
            counter = Counter(row.mode, row.scope, row.day)
            assert row.amount_usd == summed_up(connection, counter), counter
    return rows


def counted():
    """What is counted, by scope."""
    return {row.scope: row.amount_usd for row in counters()}


def begun_at_once(tasks, threads):
    """What so many threads begin of these tasks, each in a transaction of its own."""

    def begin(share):
        works = []
        for task in share:
            with transaction() as connection:
                works += start(connection, [task["submission_id"]], factories.WORKER)
        return works

    shares = [tasks[number::threads] for number in range(threads)]
    return [work for found in at_once(begin, shares) for work in found if work]
