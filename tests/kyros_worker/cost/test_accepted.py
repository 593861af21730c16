"""Which answers a task is completed with, and what the same tokens cost on premium."""

import pytest

from kyros_worker.clock import now
from kyros_worker.cost.tables import ModelCall
from kyros_worker.database import engine, transaction
from kyros_worker.model.prices import SANDBOX_PRICES
from kyros_worker.submission.tables import Submission
from kyros_worker.task.change import lock_task
from kyros_worker.task.reopen import reopen
from kyros_worker.task.tables import Task
from tests import factories
from tests.statements import statements


def accepted(task_id):
    """The role and submission of each accepted call, oldest first."""
    return [(one.role, one.run) for one in factories.calls(task_id) if one.accepted]


@pytest.mark.parametrize(("fields", "roles"), [
    ({}, ["implementer", "critic", "integrator"]),
    ({"type": "review"}, ["critic"]),
    ({"type": "audit"}, ["implementer"]),
    ({"sandbox": {"refusals": 2}}, ["implementer", "critic", "integrator"]),
    ({"sandbox": {"error": "rate_limited"}}, ["implementer", "critic", "integrator"]),
    ({"sandbox": {"refusals": 3}}, ["implementer", "critic", "integrator"]),
    ({"sandbox": {"refusals": 4}}, []),
    ({"type": "deployment", "sandbox": {"decision": "no_go"}}, []),
])  # fmt: skip
def test_the_newest_answer_of_each_role(no_tasks, fields, roles):
    task_id = factories.create(**fields)["id"]
    factories.run(task_id)
    assert [role for role, _ in accepted(task_id)] == roles
    calls = factories.calls(task_id)
    for role in roles:
        newest = [one for one in calls if one.role == role][-1]
        assert newest.accepted


def test_a_later_run_accepts_its_own_answers_alone(no_tasks):
    task_id = factories.create()["id"]
    factories.run(task_id)
    for run, role in ((2, "integrator"), (3, "implementer")):
        with transaction() as connection:
            reopen(connection, lock_task(connection, task_id), role, "req_2", now())
        assert {found for _, found in accepted(task_id)} == {run - 1}, "until it completes again"
        factories.run(task_id)
        assert {found for _, found in accepted(task_id)} == {run}
    assert len(accepted(task_id)) == 3


def test_a_run_that_fails_leaves_the_accepted_answers(no_tasks):
    task_id = factories.create()["id"]
    factories.run(task_id)
    with transaction() as connection:
        reopen(connection, lock_task(connection, task_id), "implementer", "req_2", now())
    factories.finish(
        factories.begin(factories.current_submission(task_id)),
        factories.failed_reply(retryable=False),
    )
    assert factories.row(Task, task_id).state == "failed"
    assert [run for _, run in accepted(task_id)] == [1, 1, 1]


def test_what_the_same_tokens_cost_on_premium(no_tasks):
    task_id = factories.create(sandbox={"input_tokens": 1000, "output_tokens": 100})["id"]
    factories.change(Submission, factories.current_submission(task_id), tier="premium")
    factories.run(task_id)
    price = SANDBOX_PRICES["premium"]
    premium = (1000 * price.input + 100 * price.output).scaleb(-6)
    first, *others = factories.calls(task_id)
    assert (first.tier, first.cost_usd) == ("premium", premium)
    assert {one.tier for one in others} == {"economy"}
    assert {one.premium_usd for one in (first, *others)} == {premium}
    assert {one.price_version for one in others} == {"sandbox"}


def test_a_lone_role_is_accepted_without_another_statement(no_tasks):
    task = factories.create(type="review")
    with statements(engine()) as seen:
        work = factories.begin(task["submission_id"])
    assert len(seen) == 4, "a claim without budgets"
    reply = factories.answer_of(work)
    with statements(engine()) as seen:
        factories.finish(work, reply)
    assert len(seen) == 4
    assert not any("accepted_calls" in statement for statement, _ in seen)
    assert factories.row(ModelCall, work.call_id).accepted
