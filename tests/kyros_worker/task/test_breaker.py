"""The breaker of a model, on real Postgres: what opens and closes it, and what waits meanwhile."""

import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import select

from kyros_worker import event_loop as loop
from kyros_worker.agent.ask import ask
from kyros_worker.clock import now
from kyros_worker.cost.breakers import ModelHealth, breakers
from kyros_worker.database import engine, read
from kyros_worker.dispatch import sweeps
from kyros_worker.model.breaker import MOST_FAULTS
from kyros_worker.model.tables import BreakerRow
from kyros_worker.submission.tables import Submission
from kyros_worker.task.perform import perform
from kyros_worker.task.tables import Task
from tests import factories, webhooks
from tests import scripted_openai as scripted
from tests.at_once import at_once
from tests.kyros_worker.task.good_answers import good
from tests.kyros_worker.task.outage import (
    NAME,
    alerts,
    alone,
    answer,
    broken,
    fail,
    new,
    open_it,
    pause_is_over,
    row,
    seconds_until_due,
    servers,
    task_of,
    with_fallbacks,
)
from tests.statements import statements

__all__ = ["alone", "servers", "with_fallbacks"]


def elsewhere(*submission_ids):
    """Performs them in another process, as another worker of the fleet."""
    code = (
        "import sys; from kyros_worker.task.perform import perform\n"
        "for one in sys.argv[1:]: perform(one)"
    )
    subprocess.run([sys.executable, "-c", code, *submission_ids], check=True, timeout=60)


def test_it_opens_and_closes_for_the_whole_fleet(alone):
    alone.script = broken
    ids = [new() for _ in range(MOST_FAULTS)]
    for one in ids[:2]:
        perform(one)
    assert (row().faults, row().open_until, alerts()) == (2, None, [])
    elsewhere(*ids[2:])
    assert alerts() == [("provider_down", NAME)]
    assert (row().openings, row().error_kind) == (1, "server_error")
    asked = len(alone.requests)
    assert asked == MOST_FAULTS
    alone.script = good
    here, there = new(), new()
    perform(here)
    elsewhere(there)
    assert len(alone.requests) == asked, "nobody calls it"
    assert {task_of(one).progress_stage for one in (here, there)} == {"waiting_for_provider"}
    pause_is_over()
    for one in (here, there):
        factories.make_due(one)
    elsewhere(there)
    assert (task_of(there).state, len(alone.requests)) == ("completed", asked + 1)
    assert alerts() == [("provider_down", NAME), ("provider_up", NAME)]
    perform(here)
    assert task_of(here).state == "completed"
    assert len(alerts()) == 2


def test_what_is_not_let_through_waits_as_a_row_and_is_told_once(alone):
    open_it()
    submission_id = new()
    before = task_of(submission_id)
    assert factories.begin(submission_id) is None
    task = task_of(submission_id)
    assert (task.state, task.progress_stage) == ("queued", "waiting_for_provider")
    assert task.progress_message == "Waiting until local:mine can be called again."
    assert (task.deadline_at, task.budget_wait_seconds) == (before.deadline_at, 0)
    waiting = factories.row(Submission, submission_id)
    assert (waiting.state, waiting.tries, waiting.claimed_by) == ("queued", 0, None)
    assert row().open_until <= waiting.due_at <= row().open_until + timedelta(seconds=2)
    assert waiting.publish_at >= waiting.due_at
    types = factories.types(task.id)
    assert types[2:] == ["submission.waiting_for_provider", "task.progress"]
    factories.make_due(submission_id)
    assert factories.begin(submission_id) is None
    assert factories.types(task.id) == types
    assert seconds_until_due(submission_id) > 20
    assert factories.calls(task.id) == []


def test_the_deadline_goes_on_counting(alone):
    open_it()
    submission_id = new()
    assert factories.begin(submission_id) is None
    task_id = task_of(submission_id).id
    factories.change(Task, task_id, deadline_at=now() - timedelta(seconds=1))
    sweeps.deadlines()
    task = factories.row(Task, task_id)
    assert (task.state, "deadline passed" in task.error) == ("failed", True)


def test_a_claim_never_waits_for_a_breaker(alone):
    open_it()
    pause_is_over()
    late = new()
    with engine().begin() as holding:
        holding.execute(select(BreakerRow).with_for_update())
        assert factories.begin(late) is None
    assert task_of(late).progress_stage == "waiting_for_provider"


@pytest.mark.parametrize("count", [MOST_FAULTS - 1, 16])
def test_faults_that_are_recorded_at_once_are_all_counted(alone, count):
    works = [factories.begin(new()) for _ in range(count)]
    assert all(at_once(fail, works))
    assert row().faults == min(count, MOST_FAULTS)
    assert alerts() == [("provider_down", NAME)] * (count >= MOST_FAULTS)


@pytest.mark.parametrize(
    ("status", "kind"), [(401, "rejected"), (404, "rejected"), (400, "rejected")]
)
def test_a_refusal_says_that_the_provider_answers(alone, status, kind):
    open_row_but_one()
    alone.script = lambda _: scripted.error(status)
    submission_id = new()
    perform(submission_id)
    assert factories.row(Submission, submission_id).error_kind == kind
    assert (row().faults, alerts()) == (0, [])


def test_an_answer_ends_the_row_of_faults(alone):
    for _ in range(3):
        open_row_but_one()
        answer(factories.begin(new()))
        assert row().faults == 0
    assert alerts() == []


def open_row_but_one():
    for _ in range(MOST_FAULTS - 1):
        fail(factories.begin(new()))
    assert row().faults == MOST_FAULTS - 1


@pytest.mark.parametrize(("asked", "seconds"), [("120", 120), ("86400", 3600)])
def test_a_providers_retry_after_is_how_long_it_is_open(alone, asked, seconds):
    alone.script = lambda _: scripted.error(429, "slow", headers={"Retry-After": asked})
    ids = [new() for _ in range(MOST_FAULTS)]
    for one in ids:
        perform(one)
        waiting = factories.row(Submission, one)
        assert (waiting.tries, waiting.error_kind) == (1, "rate_limited")
        assert seconds - 5 < seconds_until_due(one) <= seconds, "it is longer than the pause"
    assert (row().open_until - row().last_fault_at).total_seconds() == seconds
    late = new()
    assert factories.begin(late) is None
    assert seconds - 5 < seconds_until_due(late) <= seconds + 1


def test_the_sandbox_has_no_breaker(no_tasks):
    for _ in range(MOST_FAULTS):
        assert fail(factories.begin(factories.create()["submission_id"]))
    assert factories.begin(factories.create()["submission_id"]) is not None
    with read() as connection:
        assert connection.execute(select(BreakerRow)).all() == []


def test_what_it_costs_healthy_models(alone):
    """One statement a claim, none a record; and nothing is written."""

    def counted(act, *args):
        with statements(engine()) as seen:
            return act(*args), len(seen)

    # Somebody who is to be told of one of both would make the other one cheaper.
    webhooks.forget()
    rehearsed, live = factories.create(type="audit")["submission_id"], new()
    # What is prepared once is prepared.
    factories.run(factories.create(type="audit")["id"])
    answer(factories.begin(new()))
    work, claim_rehearsed = counted(factories.begin, rehearsed)
    reply = factories.answer_of(work)
    _, record_rehearsed = counted(factories.finish, work, reply)
    work, claim_live = counted(factories.begin, live)
    reply = loop.run(ask(work.brief, work.model)).result(20)
    _, record_live = counted(factories.finish, work, reply)
    assert (claim_live - claim_rehearsed, record_live - record_rehearsed) == (1, 0)
    with read() as connection:
        assert connection.execute(select(BreakerRow)).all() == []


def test_how_each_model_stands(with_fallbacks):
    def told():
        with read() as connection:
            return breakers(connection)

    names = [NAME, "spare:first", "spare:second"]
    assert told() == [ModelHealth(name, "closed") for name in names]
    fail(factories.begin(new()))
    first = told()[0]
    assert (first.state, first.faults, first.error) == ("closed", 1, "The provider failed.")
    for _ in range(MOST_FAULTS - 1):
        fail(factories.begin(new()))
    first = told()[0]
    assert (first.state, first.opened_at, first.open_until) == (
        "open", row().opened_at, row().open_until,
    )  # fmt: skip
    pause_is_over()
    assert [one.state for one in told()] == ["half_open", "closed", "closed"]
    answer(factories.begin(new()))
    assert told() == [ModelHealth(name, "closed") for name in names]
