"""Counters on a real Postgres: what begins at once can't pass a limit together."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select, update

from kyros_worker.auth.subject import Subject
from kyros_worker.budgets import Budgets
from kyros_worker.clock import now
from kyros_worker.cost import spending
from kyros_worker.cost.tables import ModelCall, Spending
from kyros_worker.database import read, transaction
from kyros_worker.dispatch import sweeps
from kyros_worker.event.tables import SystemEvent
from kyros_worker.task.record import Ended, record
from kyros_worker.task.start import start
from tests import factories
from tests.at_once import at_once
from tests.budgets import begun_at_once, budgets, counted, no_money

__all__ = ["no_money"]

pytestmark = pytest.mark.usefixtures("no_money")

OTHER = Subject("key_0000000000002", "test", frozenset({"admin"}))


def alerts():
    with read() as connection:
        rows = connection.execute(select(SystemEvent).order_by(SystemEvent.id)).all()
    assert {row.type for row in rows} <= {"system.alert"}
    return [(row.data["limit"], row.data["level"]) for row in rows]


def reservation():
    """What one call of these tasks reserves."""
    work = factories.begin(factories.create()["submission_id"])
    return factories.row(ModelCall, work.call_id).reserved_usd


def test_without_limits_nothing_is_counted(tmp_path):
    factories.run(factories.create()["id"])
    assert (counted(), alerts()) == ({}, [])


def test_a_limit_that_is_set_again_counts_what_was_spent_without(tmp_path):
    both = {"day": {"hard": 10}, "key_day": {"hard": 10}}
    with budgets(tmp_path, **both):
        first = factories.run(factories.create()["id"]).cost_usd
        sweeps.unasked_counters()
        assert counted() == {"day": first, "key:key_0000000000001": first}
    with budgets(tmp_path, day={"hard": 10}):
        sweeps.unasked_counters()
        assert counted() == {"day": first}
        second = factories.run(factories.create()["id"]).cost_usd
    with budgets(tmp_path, **both):
        third = factories.run(factories.create()["id"]).cost_usd
        sums = first + second + third
        assert counted() == {"day": sums, "key:key_0000000000001": sums}
    sweeps.unasked_counters()
    assert counted() == {}


def test_days_that_are_over_are_forgotten(tmp_path):
    with budgets(tmp_path, day={"hard": 10}):
        factories.run(factories.create()["id"])
        for days, kept in ((2, 1), (1, 0)):
            with transaction() as connection:
                connection.execute(update(Spending).values(day=Spending.day - days))
            sweeps.unasked_counters()
            with read() as connection:
                assert len(connection.execute(select(Spending)).all()) == kept


def test_a_counter_that_is_forgotten_meanwhile_is_made_again(tmp_path, monkeypatch):
    """By a process with other limits, just before it is locked."""
    with budgets(tmp_path, day={"hard": 10}):
        first = factories.run(factories.create()["id"]).cost_usd
        make_sure, forgotten = spending._read, []

        def then_forget(connection, query, wanted):
            if query is spending._LOCKED and not forgotten:
                with transaction() as another:
                    spending.forget_counters(another, Budgets(), now().date())
                forgotten.append(True)
            return make_sure(connection, query, wanted)

        monkeypatch.setattr(spending, "_read", then_forget)
        second = factories.run(factories.create()["id"]).cost_usd
        assert forgotten
        assert counted() == {"day": first + second}


def test_counters_follow_reservations_and_costs(tmp_path):
    with budgets(tmp_path, day={"hard": 10}, key_day={"soft": 5}):
        task_id = factories.create()["id"]
        work = factories.begin(factories.current_submission(task_id))
        call = factories.row(ModelCall, work.call_id)
        scopes = {"day": call.reserved_usd, "key:key_0000000000001": call.reserved_usd}
        assert counted() == scopes
        factories.finish(work)
        cost = factories.row(ModelCall, work.call_id).cost_usd
        assert counted() == dict.fromkeys(scopes, cost)
        task = factories.run(task_id)
        assert counted() == dict.fromkeys(scopes, task.cost_usd)
        other = factories.run(factories.create(who=OTHER)["id"])
        assert counted() == {
            "day": task.cost_usd + other.cost_usd,
            "key:key_0000000000001": task.cost_usd,
            "key:key_0000000000002": other.cost_usd,
        }


def test_a_limit_set_in_the_midst_of_a_day_counts_what_was(tmp_path):
    before = factories.run(factories.create()["id"]).cost_usd
    running = factories.begin(factories.create()["submission_id"])
    reserved = factories.row(ModelCall, running.call_id).reserved_usd
    with budgets(tmp_path, day={"hard": 10}):
        factories.finish(running)
        cost = factories.row(ModelCall, running.call_id).cost_usd
        assert cost < reserved
        assert counted() == {"day": before + cost}


def test_two_hundred_calls_that_start_at_once_stay_within_the_limit(tmp_path):
    """Each claims in a transaction of its own, all at the same moment, of two keys."""
    needed = reservation()
    limit = needed * 41 + needed / 2
    tasks = factories.create_all(*[factories.new_task() for _ in range(100)])
    tasks += factories.create_all(*[factories.new_task() for _ in range(100)], who=OTHER)
    with budgets(tmp_path, day={"hard": limit}, key_day={"hard": needed * 30}):
        works = begun_at_once(tasks, 20)
        amounts = counted()
        assert amounts["day"] <= limit
        # The one that told what a call needs has begun too.
        assert len(works) == 40
        for scope, amount in amounts.items():
            assert scope == "day" or amount <= needed * 30
        assert alerts().count(("day", "hard")) == 1
        waiting = [factories.row(factories.Task, task["id"]) for task in tasks]
        assert sum(task.progress_stage == "waiting_for_budget" for task in waiting) == 160


def test_claims_and_records_at_once_wait_for_each_other_in_no_circle(tmp_path):
    """Batches of both keys' tasks, in every order, while others settle."""
    tasks = factories.create_all(*[factories.new_task() for _ in range(60)])
    tasks += factories.create_all(*[factories.new_task() for _ in range(60)], who=OTHER)

    def work_on(number):
        mine = [one["submission_id"] for one in tasks[number::12]]
        for ids in (mine[:3], mine[3:6], mine[6:]):
            with transaction() as connection:
                works = start(connection, ids, factories.WORKER)
            ended = [Ended(work, factories.answer_of(work)) for work in works]
            with transaction() as connection:
                record(connection, ended[::-1])

    with budgets(tmp_path, day={"hard": 100}, key_day={"soft": 1, "hard": 50}):
        at_once(work_on, range(12))
        assert len(counted()) == 3
    with read() as connection:
        query = select(func.count()).where(ModelCall.state == "completed")
        assert connection.execute(query).scalar_one() == 120


def test_many_of_one_claim_stay_within_the_limit(tmp_path):
    needed = reservation()
    ids = [one["submission_id"] for one in factories.create_all(*[factories.new_task()] * 10)]
    with budgets(tmp_path, day={"hard": needed * 4}), transaction() as connection:
        works = start(connection, ids, factories.WORKER)
    assert [one is not None for one in works] == [True] * 3 + [False] * 7


def test_an_alert_a_limit_and_day(tmp_path):
    needed = reservation()
    with budgets(tmp_path, day={"soft": needed * 2, "hard": needed * 3}):
        for expected in ([("day", "soft")], [("day", "soft")], [("day", "soft"), ("day", "hard")]):
            factories.begin(factories.create()["submission_id"])
            assert alerts() == expected
        for _ in range(3):
            assert factories.begin(factories.create()["submission_id"]) is None
        assert alerts() == [("day", "soft"), ("day", "hard")]
    with transaction() as connection:
        (event,) = connection.execute(
            select(SystemEvent).where(SystemEvent.once_key.contains("hard"))
        ).all()
    assert (event.mode, event.data["day"]) == ("test", now().date().isoformat())
    assert event.id.startswith("evt_")


def test_a_call_that_began_yesterday_is_settled_to_its_day(tmp_path):
    with budgets(tmp_path, day={"hard": 10}):
        work = factories.begin(factories.create()["submission_id"])
        yesterday = now() - timedelta(days=1)
        call = factories.row(ModelCall, work.call_id)
        with transaction() as connection:
            # As if it had begun then, under an id of then.
            old = f"call_{int(yesterday.timestamp() * 1_000_000):016d}0000000"
            connection.execute(
                ModelCall.__table__.update()
                .where(ModelCall.id == call.id)
                .values(id=old, started_at=yesterday)
            )
            connection.execute(Spending.__table__.update().values(day=yesterday.date()))
        object.__setattr__(work, "call_id", old)
        factories.finish(work)
        cost = factories.row(ModelCall, old).cost_usd
        with read() as connection:
            rows = connection.execute(select(Spending.day, Spending.amount_usd)).all()
        assert dict(map(tuple, rows)) == {
            yesterday.date(): cost,
            now().date(): Decimal(0),
        }
