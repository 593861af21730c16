"""A key's own budget for a day, on a real Postgres: enforced, changed and taken away."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from kyros_worker.auth.change import change
from kyros_worker.auth.schemas import ChangedApiKey
from kyros_worker.auth.subject import Subject
from kyros_worker.auth.tables import ApiKey
from kyros_worker.clock import now
from kyros_worker.cost.report import costs
from kyros_worker.cost.tables import ModelCall
from kyros_worker.database import read, transaction
from kyros_worker.event.tables import SystemEvent
from kyros_worker.task.start import start
from kyros_worker.task.tables import Task
from tests import factories
from tests.budgets import begun_at_once, budgets, counters, no_money
from tests.keys import ACTOR, new_key, no_keys

__all__ = ["new_key", "no_keys", "no_money"]

pytestmark = pytest.mark.usefixtures("no_money")


@pytest.fixture
def with_budget(new_key):
    """The subject of a key that has such a budget (none for None)."""

    def make(usd):
        amount = None if usd is None else Decimal(usd)
        return subject(new_key("admin", day_budget_usd=amount)["id"])

    return make


def subject(key_id):
    return Subject(key_id, "test", frozenset({"admin"}))


def give(who, usd):
    changes = {"remove": ["day_budget_usd"]} if usd is None else {"day_budget_usd": usd}
    with transaction() as connection:
        change(connection, ACTOR, who.id, ChangedApiKey.model_validate(changes))


def long_ago(who):
    """As if the key had had its budget for a long time."""
    past = now() - timedelta(hours=1)
    with transaction() as connection:
        connection.execute(update(ApiKey).where(ApiKey.id == who.id).values(day_budget_since=past))


def counted():
    """What is counted of the keys."""
    return [row.amount_usd for row in counters()]


def alerts():
    with read() as connection:
        rows = connection.execute(select(SystemEvent).order_by(SystemEvent.id)).all()
    return [(row.data["limit"], row.data["level"], row.data["created_by"]) for row in rows]


def reservation(who=factories.WHO):
    work = factories.begin(factories.create(who=who)["submission_id"])
    return factories.row(ModelCall, work.call_id).reserved_usd


def waits(task_id):
    factories.make_due(factories.current_submission(task_id))
    assert factories.begin(factories.current_submission(task_id)) is None
    task = factories.row(Task, task_id)
    return task.progress_stage == "waiting_for_budget"


def test_a_key_waits_at_its_own_limit_and_no_other_does(with_budget):
    poor, rich = with_budget("0.001"), with_budget(None)
    task_id = factories.create(who=poor)["id"]
    assert waits(task_id)
    assert "key's day's budget of 0.001 USD" in factories.row(Task, task_id).progress_message
    assert waits(task_id)
    assert alerts() == [("key_day", "hard", poor.id)]
    assert factories.run(factories.create(who=rich)["id"]).state == "completed"
    give(poor, 10)
    assert factories.run(task_id).state == "completed"
    assert counted() == [factories.row(Task, task_id).cost_usd]


def test_it_stands_in_the_place_of_the_deployments(with_budget, tmp_path):
    with budgets(tmp_path, key_day={"hard": "0.001"}):
        assert waits(factories.create(who=with_budget(None))["id"])
        assert factories.run(factories.create(who=with_budget("10"))["id"]).state == "completed"


def test_the_deployments_holds_again_when_it_is_taken_away(with_budget, tmp_path):
    """With what was spent meanwhile, and what a call costs that ends after."""
    with budgets(tmp_path, key_day={"hard": "10"}):
        who = with_budget(None)
        first = factories.run(factories.create(who=who)["id"]).cost_usd
        running = factories.begin(factories.create(who=who)["submission_id"])
        give(who, 20)
        second = factories.run(factories.create(who=who)["id"]).cost_usd
        factories.finish(running)
        give(who, None)
        third = factories.row(ModelCall, running.call_id).cost_usd
        with read() as connection:
            told = costs(connection, "test", who.id, "1d")["budget"]["key_day"]
        assert (told["spent"], told["hard"]) == (float(first + second + third), 10)
        counted()
    with budgets(tmp_path, key_day={"hard": first + second + third}):
        assert waits(factories.create(who=who)["id"])


def test_the_deployments_day_still_counts(with_budget, tmp_path):
    with budgets(tmp_path, day={"hard": "0.001"}):
        assert waits(factories.create(who=with_budget("10"))["id"])


def test_a_budget_set_in_the_midst_of_a_day_counts_what_was(with_budget):
    who = with_budget(None)
    spent = factories.run(factories.create(who=who)["id"]).cost_usd
    running = factories.begin(factories.create(who=who)["submission_id"])
    give(who, spent)
    assert waits(factories.create(who=who)["id"])
    factories.finish(running)
    assert counted() == [spent + factories.row(ModelCall, running.call_id).cost_usd]


def test_what_is_spent_while_there_is_none_is_counted_later(with_budget):
    who = with_budget("10")
    first = factories.run(factories.create(who=who)["id"]).cost_usd
    give(who, None)
    second = factories.run(factories.create(who=who)["id"]).cost_usd
    with read() as connection:
        assert costs(connection, "test", who.id, "1d")["budget"] == {}
    give(who, 20)
    third = factories.run(factories.create(who=who)["id"]).cost_usd
    with read() as connection:
        told = costs(connection, "test", who.id, "1d")["budget"]
    today = now().date().isoformat()
    assert told == {"key_day": {"day": today, "spent": float(first + second + third), "hard": 20}}


def test_a_call_that_begins_while_a_budget_is_set_is_counted(with_budget):
    """Its transaction has read the key before, and commits when the counter is there."""
    who = with_budget(None)
    early = factories.create(who=who)["submission_id"]
    with transaction() as connection:
        (work,) = start(connection, [early], factories.WORKER)
        give(who, 10)
        factories.begin(factories.create(who=who)["submission_id"])
    factories.begin(factories.create(who=who)["submission_id"])
    assert len(counted()) == 1
    factories.finish(work)
    assert len(counted()) == 1


def test_no_row_is_summed_up_again_once_the_budget_is_settled(with_budget, monkeypatch):
    who = with_budget("10")
    factories.begin(factories.create(who=who)["submission_id"])
    long_ago(who)
    factories.begin(factories.create(who=who)["submission_id"])
    monkeypatch.setattr("kyros_worker.cost.spending.summed_up", None)
    factories.run(factories.create(who=who)["id"])


def test_a_hundred_calls_that_start_at_once_stay_within_a_keys_limit(with_budget):
    needed = reservation()
    limit = needed * 21 + needed / 2
    who = with_budget(limit)
    tasks = factories.create_all(*[factories.new_task() for _ in range(100)], who=who)
    assert len(begun_at_once(tasks, 10)) == 21
    assert counted() == [needed * 21]
    assert alerts() == [("key_day", "hard", who.id)]


def test_without_a_price_its_calls_wait(with_budget, monkeypatch):
    monkeypatch.setattr("kyros_worker.task.start.cost_at_most", lambda *_: None)
    task_id = factories.create(who=with_budget("10"))["id"]
    assert waits(task_id)
    assert "no known price" in factories.row(Task, task_id).progress_message
    assert factories.begin(factories.create(who=with_budget(None))["submission_id"]) is not None


def test_an_escalation_that_would_pass_it_needs_a_person(with_budget):
    who = with_budget("0.04")
    sandbox = {"economy": {"confidence": 0.2, "output_tokens": 1000}}
    task_id = factories.create(who=who, sandbox=sandbox)["id"]
    factories.finish(factories.begin(factories.current_submission(task_id)))
    task = factories.row(Task, task_id)
    assert task.state == "awaiting_approval"
    assert "the key's day" in task.progress_message
