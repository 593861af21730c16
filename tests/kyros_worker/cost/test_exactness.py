"""Money is exact: whatever order calls end in, the sums are the ledger's to the last digit."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from kyros_worker.cost.limits import Counter
from kyros_worker.cost.spending import summed_up
from kyros_worker.cost.tables import ModelCall, Spending
from kyros_worker.database import read, transaction
from kyros_worker.model.usage import UNREPORTED, Usage
from kyros_worker.submission.tables import Submission
from kyros_worker.task.cancel import cancel_if_open
from kyros_worker.task.lost import take_from_lost_worker
from kyros_worker.task.record import Ended, record
from kyros_worker.task.tables import Task
from tests import factories
from tests.budgets import budgets, no_money

__all__ = ["no_money"]

pytestmark = pytest.mark.usefixtures("no_money")

#: What happens to a running call; `late` settles one that somebody has taken away.
STEPS = ("begin", "answer", "silent", "fail", "lose", "cancel", "late", "shut down")


class Fleet:
    """A few tasks, the calls that run, and those whose lease was taken."""

    def __init__(self):
        self.tasks = [factories.create()["id"] for _ in range(2)]
        self.running = {}
        self.taken = []

    def step(self, what, which, micros):
        task_id = self.tasks[which % len(self.tasks)]
        if what == "late" and self.taken:
            work = self.taken.pop(which % len(self.taken))
            self.record(work, self.reply(work, micros))
        elif what == "begin" and task_id not in self.running:
            submission_id = factories.current_submission(task_id)
            factories.make_due(submission_id)
            work = factories.begin(submission_id)
            if work is not None:
                self.running[task_id] = work
        elif what not in ("begin", "late") and task_id in self.running:
            self.end(self.running.pop(task_id), what, micros)

    def end(self, work, what, micros):
        if what == "lose":
            factories.expire(work.submission_id)
            with transaction() as connection:
                take_from_lost_worker(connection, work.task_id, work.submission_id)
            self.taken.append(work)
        elif what == "cancel":
            with transaction() as connection:
                cancel_if_open(connection, work.task_id, "no longer needed")
            self.taken.append(work)
            self.tasks.append(factories.create()["id"])
        elif what == "shut down":
            self.record(work, None)
            self.taken.append(work)
        else:
            replies = {
                "answer": self.reply(work, micros),
                "silent": replace(self.reply(work, 0), usage=UNREPORTED, cost_usd=None),
                "fail": factories.failed_reply(),
            }
            self.record(work, replies[what])

    def reply(self, work, micros):
        cost = Decimal(micros).scaleb(-12)
        return replace(factories.answer_of(work), usage=Usage(1, 1), cost_usd=cost)

    def record(self, work, reply):
        with transaction() as connection:
            (found,) = record(connection, [Ended(work, reply, 0.1)])
        if not isinstance(found, str):
            self.running[found.task_id] = found


def check():
    with read() as connection:
        tasks = dict(map(tuple, connection.execute(select(Task.id, Task.cost_usd))))
        spent = dict.fromkeys(tasks, Decimal(0))
        for call in connection.execute(select(ModelCall)):
            spent[call.task_id] += call.cost_usd or 0
            assert call.cost_usd is not None or call.state == "started"
            assert call.unpriced is None
            assert not call.estimated or call.cost_usd == call.reserved_usd
            running = connection.execute(
                select(Submission.state).where(Submission.id == call.submission_id)
            ).scalar_one()
            assert call.state != "started" or running in ("running", "queued")
        assert tasks == spent
        for row in connection.execute(select(Spending)):
            counter = Counter(row.mode, row.scope, row.day)
            assert row.amount_usd == summed_up(connection, counter)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.sampled_from(STEPS), st.integers(0, 5), st.integers(1, 10**12)),
        min_size=1,
        max_size=25,
    )
)
def test_sums_are_the_ledgers(tmp_path, steps):
    with transaction() as connection:
        connection.execute(text("TRUNCATE tasks, events, spendings CASCADE"))
    with budgets(tmp_path, day={"hard": 1000}, key_day={"soft": 1}):
        fleet = Fleet()
        for one in steps:
            fleet.step(*one)
            check()
