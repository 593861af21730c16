"""Tasks at a limit: they wait for a day's budget, and end at their own."""

from datetime import timedelta
from decimal import Decimal

import pytest

from kyros_worker.cost.limits import MOST_WAIT_SECONDS
from kyros_worker.cost.tables import ModelCall
from kyros_worker.database import transaction
from kyros_worker.submission.tables import Submission
from kyros_worker.task.record import Ended, record
from kyros_worker.task.tables import Task
from tests import factories
from tests.budgets import budgets, counted, no_money

__all__ = ["no_money"]

pytestmark = pytest.mark.usefixtures("no_money")


def refused(task_id):
    """The task after a claim that no budget had room for."""
    factories.make_due(factories.current_submission(task_id))
    assert factories.begin(factories.current_submission(task_id)) is None
    return factories.row(Task, task_id)


def test_it_waits_and_goes_on(tmp_path):
    task_id = factories.create()["id"]
    before = factories.row(Task, task_id)
    with budgets(tmp_path, day={"hard": "0.001"}):
        task = refused(task_id)
        assert (task.state, task.progress_stage) == ("queued", "waiting_for_budget")
        assert "day's budget of 0.001 USD" in task.progress_message
        waits = task.budget_wait_seconds
        assert 0 < waits <= 600
        assert task.deadline_at - before.deadline_at == timedelta(seconds=waits)
        submission = factories.row(Submission, task.submission_id)
        assert (submission.state, submission.tries, submission.claimed_by) == ("queued", 0, None)
        assert submission.due_at <= submission.publish_at
        assert (submission.due_at - task.updated_at).total_seconds() == pytest.approx(waits, abs=1)
        assert factories.begin(task.submission_id) is None, "it is not due"
        assert factories.calls(task_id) == []
        types = factories.types(task_id)
        assert types[2:] == ["submission.waiting_for_budget", "task.progress"]
        again = refused(task_id)
        assert factories.types(task_id) == types, "days of waiting are no thousand events"
        assert again.budget_wait_seconds > waits
    task = factories.run(task_id)
    assert task.state == "completed"
    assert factories.types(task_id).count("task.started") == 1


def test_only_running_calls_fill_the_limit(tmp_path):
    running = factories.begin(factories.create()["submission_id"])
    needed = factories.row(ModelCall, running.call_id).reserved_usd
    with budgets(tmp_path, day={"hard": needed * Decimal("1.5")}):
        task_id = factories.create()["id"]
        assert refused(task_id).budget_wait_seconds == 30
        factories.finish(running)
        assert factories.run(task_id).state == "completed"


def test_waiting_counts_against_the_deadline_after_a_week(tmp_path):
    task_id = factories.create()["id"]
    factories.change(Task, task_id, budget_wait_seconds=MOST_WAIT_SECONDS - 1)
    before = factories.row(Task, task_id).deadline_at
    with budgets(tmp_path, day={"hard": 0}):
        for _ in range(2):
            task = refused(task_id)
            assert task.budget_wait_seconds == MOST_WAIT_SECONDS
            assert task.deadline_at == before + timedelta(seconds=1)


def test_a_new_run_has_a_new_week(tmp_path):
    task_id = factories.in_state("failed")
    factories.change(Task, task_id, budget_wait_seconds=MOST_WAIT_SECONDS)
    from kyros_worker.task.reopen import retry_task

    with transaction() as connection:
        retry_task(connection, task_id, "test", "req_2")
    assert factories.row(Task, task_id).budget_wait_seconds == 0


def test_what_costs_nothing_goes_on_at_every_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("kyros_worker.task.start.cost_at_most", lambda *_: Decimal(0))
    with budgets(tmp_path, day={"hard": 0}, key_day={"hard": 0}, task={"hard": 0}):
        assert factories.begin(factories.create()["submission_id"]) is not None


def test_what_has_no_price_waits_at_a_hard_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("kyros_worker.task.start.cost_at_most", lambda *_: None)
    with budgets(tmp_path, day={"hard": 100}):
        task = refused(factories.create()["id"])
        assert (task.progress_stage, task.budget_wait_seconds > 30) == ("waiting_for_budget", True)
        assert "no known price" in task.progress_message


def test_what_has_no_price_goes_on_elsewhere_and_is_marked(tmp_path, monkeypatch):
    monkeypatch.setattr("kyros_worker.task.start.cost_at_most", lambda *_: None)
    with budgets(tmp_path, day={"soft": 100}):
        work = factories.begin(factories.create()["submission_id"])
        with transaction() as connection:
            record(connection, [Ended(work, None)])
        call = factories.row(ModelCall, work.call_id)
        assert (call.cost_usd, call.estimated, call.unpriced) == (None, False, "no_price")
        task = factories.row(Task, work.task_id)
        assert (task.cost_usd, task.unpriced_calls) == (0, 1)


def test_a_task_at_its_own_hard_limit_ends_with_the_figures(tmp_path):
    needed = Decimal("0.05")
    with budgets(tmp_path, task={"hard": needed, "at_hard_limit": "fail"}):
        task_id = factories.create(sandbox={"input_tokens": 80_000})["id"]
        factories.finish(factories.begin(factories.current_submission(task_id)))
        spent = factories.row(Task, task_id).cost_usd
        assert factories.begin(factories.current_submission(task_id)) is None
        task = factories.row(Task, task_id)
        assert task.state == "failed"
        for figure in (f"{needed:f} USD", f"{spent:f} USD", "task's budget"):
            assert figure in task.error
        submission = factories.row(Submission, task.submission_id)
        assert (submission.state, submission.error_kind) == ("failed", "budget_exceeded")
        assert factories.types(task_id)[-2:] == ["submission.failed", "task.failed"]
        assert len(factories.calls(task_id)) == 1


def test_an_answer_is_not_asked_again_without_room(tmp_path):
    task_id = factories.create(sandbox={"error": "invalid_output"})["id"]
    with budgets(tmp_path, day={"hard": "0.034"}):
        work = factories.begin(factories.current_submission(task_id))
        assert factories.finish(work, factories.answer_of(work)) is True
        submission = factories.row(Submission, work.submission_id)
        assert (submission.state, submission.tries) == ("queued", 1)
        assert len(factories.calls(task_id)) == 1
        assert refused(task_id).progress_stage == "waiting_for_budget"
    assert factories.run(task_id).state == "completed"


def test_a_second_call_counts_too(tmp_path):
    with budgets(tmp_path, day={"hard": 1}):
        work = factories.begin(
            factories.create(sandbox={"error": "invalid_output"})["submission_id"]
        )
        with transaction() as connection:
            (again,) = record(connection, [Ended(work, factories.answer_of(work))])
        first, second = factories.calls(work.task_id)
        assert counted() == {"day": first.cost_usd + second.reserved_usd}
        factories.finish(again)
        assert counted() == {"day": factories.row(Task, work.task_id).cost_usd}
