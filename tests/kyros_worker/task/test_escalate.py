"""Going to premium: by rule, by a person, parked and decided, and what becomes of it at the end."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from kyros_worker.audit.actor import Actor
from kyros_worker.auth.subject import Subject
from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.dispatch import sweeps
from kyros_worker.errors import ConflictError, NotFoundError, PermissionDeniedError
from kyros_worker.escalation.tables import Escalation
from kyros_worker.task.approve import (
    approve_escalation,
    reject_escalation,
    request_escalation,
)
from kyros_worker.task.cancel import cancel_task
from kyros_worker.task.reopen import retry_task
from kyros_worker.task.submit import submit_task
from kyros_worker.task.tables import Task
from tests import factories
from tests.at_once import at_once
from tests.budgets import budgets
from tests.live_models import configured

ASKER = Subject("key_1", "test", frozenset({"escalations:request"}))
DECIDER = Subject("key_2", "test", frozenset({"escalations:approve"}))
ASK = """
[[rules]]
name = "unsure"
when = {{confidence_below = 0.5}}
then = "ask"
{options}
"""
UNSURE = {"economy": {"confidence": 0.2}}


@pytest.fixture
def asking(tmp_path, request):
    """A rule that asks a person about unsure answers."""
    options = getattr(request, "param", "")
    with configured(tmp_path / "asking.toml", ASK.format(options=options)):
        yield


def escalations(task_id):
    with read() as connection:
        query = select(*Escalation.__table__.columns).where(Escalation.task_id == task_id)
        return connection.execute(query.order_by(Escalation.id)).all()


def the_escalation(task_id):
    (only,) = escalations(task_id)
    return only


def told(task_id):
    """The escalation's events of a task's timeline, without the prefix."""
    prefix = "escalation."
    return [one.removeprefix(prefix) for one in factories.types(task_id) if one.startswith(prefix)]


def task_row(task_id):
    return factories.row(Task, task_id)


def ask(task_id, subject=ASKER, reason="It matters.", priority=None):
    with transaction() as connection:
        return request_escalation(
            connection, task_id, subject, reason=reason, priority=priority, request_id="req_x"
        )


def approve(escalation_id, subject=DECIDER, comment=None):
    with transaction() as connection:
        return approve_escalation(connection, escalation_id, subject, Actor(subject.id), comment)


def reject(escalation_id, subject=DECIDER, comment=None):
    with transaction() as connection:
        return reject_escalation(connection, escalation_id, subject, Actor(subject.id), comment)


def tiers(task_id):
    return [(one.role, one.tier) for one in factories.submissions(task_id)]


def parked(**fields):
    """A task that waits for a person's approval."""
    task_id = factories.create(sandbox=UNSURE, **fields)["id"]
    factories.finish(factories.begin(factories.current_submission(task_id)))
    assert task_row(task_id).state == "awaiting_approval"
    return task_id


def test_a_rule_goes_to_premium_at_once_and_tells_why(no_tasks):
    task_id = factories.create(sandbox=UNSURE)["id"]
    task = factories.run(task_id)
    assert task.state == "completed"
    assert tiers(task_id) == [
        ("implementer", "economy"),
        ("implementer", "premium"),
        ("critic", "economy"),
        ("integrator", "economy"),
    ]
    assert told(task_id) == ["requested", "approved", "completed"]
    escalation = the_escalation(task_id)
    assert (escalation.status, escalation.rule) == ("completed", "low-confidence")
    assert escalation.reason == (
        "The implementer's confidence 0.20 is below 0.50 and the role is implementer."
    )
    assert (escalation.requested_by, escalation.decided_by) == ("system", "system")
    assert escalation.estimated_cost_usd > 0
    assert (task.escalated, task.escalation_id) == (True, None)
    decided = factories.submissions(task_id)[0].decision
    assert (decided["rule"], decided["outcome"]) == ("low-confidence", "escalate")


def test_critical_and_complex_work_starts_on_premium(no_tasks):
    task_id = factories.create(priority="critical", complexity="high")["id"]
    task = factories.run(task_id)
    assert {tier for _, tier in tiers(task_id)} == {"premium"}
    assert task.state == "completed"
    assert [one.role for one in escalations(task_id)] == ["implementer", "critic", "integrator"]
    assert told(task_id) == ["requested", "approved", "completed"] * 3
    assert {one.tier for one in factories.calls(task_id)} == {"premium"}


def test_a_rule_asks_once_a_role_and_run(no_tasks):
    task_id = factories.create(sandbox={"refusals": 9})["id"]
    task = factories.run(task_id)
    assert task.state == "failed"
    assert [one.rule for one in escalations(task_id)] == ["refused-again"]
    assert task.error.startswith("The critic refused the draft after 3 revisions")


def test_a_rule_may_end_a_task(no_tasks, tmp_path):
    rules = '[[rules]]\nname = "no-go"\nwhen = {refused = true}\nthen = "fail"\n'
    with configured(tmp_path / "fail.toml", rules):
        task_id = factories.create(sandbox={"refusals": 1})["id"]
        task = factories.run(task_id)
    assert task.error == "The rule no-go ends the task: The critic refused what it judged."
    assert factories.submissions(task_id)[-1].decision["outcome"] == "fail"


def test_what_a_person_approves_goes_on_with_premium(no_tasks, asking):
    task_id = parked()
    task = task_row(task_id)
    assert task.progress_stage == "awaiting_approval"
    escalation = the_escalation(task_id)
    assert (escalation.status, escalation.requested_by) == ("requested", "system")
    answer = approve(escalation.id, comment="Do it.")
    assert (answer["status"], answer["decided_by"]) == ("approved", "key_2")
    assert answer["comment"] == "Do it."
    assert factories.run(task_id).state == "completed"
    assert told(task_id) == ["requested", "approved", "completed"]
    assert tiers(task_id)[1] == ("implementer", "premium")


def test_what_a_person_rejects_goes_on_without(no_tasks, asking):
    task_id = parked()
    reject(the_escalation(task_id).id, comment="Too dear.")
    task = factories.run(task_id)
    assert (task.state, task.escalated) == ("completed", False)
    assert told(task_id) == ["requested", "rejected"]
    assert {tier for _, tier in tiers(task_id)} == {"economy"}


def test_of_a_single_role_a_rejection_takes_the_answer_that_is_there(no_tasks, asking):
    task_id = parked(type="audit")
    reject(the_escalation(task_id).id)
    task = task_row(task_id)
    assert (task.state, task.result["confidence"]) == ("completed", 0.2)
    (call,) = factories.calls(task_id)
    assert call.accepted


@pytest.mark.parametrize("asking", ["timeout_seconds = 1"], indirect=True)
def test_nobody_in_time_is_a_rejection(no_tasks, asking):
    task_id = parked()
    factories.change(Escalation, the_escalation(task_id).id, due_at=now() - timedelta(seconds=1))
    sweeps.undecided()
    escalation = the_escalation(task_id)
    assert (escalation.status, escalation.decided_by) == ("rejected", "system")
    assert escalation.comment == "Nobody decided in time."
    assert factories.run(task_id).state == "completed"


@pytest.mark.parametrize("asking", ['on_timeout = "accept_best"'], indirect=True)
def test_nobody_in_time_accepts_the_best_answer(no_tasks, asking):
    task_id = parked()
    factories.change(Escalation, the_escalation(task_id).id, due_at=now() - timedelta(seconds=1))
    sweeps.undecided()
    task = task_row(task_id)
    assert (task.state, task.result["role"]) == ("completed", "implementer")
    assert told(task_id) == ["requested", "rejected"]
    assert "best answer" in the_escalation(task_id).comment


def test_the_sweep_leaves_what_is_not_due(no_tasks, asking):
    task_id = parked()
    sweeps.undecided()
    assert the_escalation(task_id).status == "requested"


@pytest.mark.parametrize("asking", ["four_eyes = true"], indirect=True)
def test_four_eyes_want_another_key(no_tasks, asking):
    task_id = parked()
    asked_by = task_row(task_id).created_by
    escalation_id = the_escalation(task_id).id
    same = Subject(asked_by, "test", frozenset({"escalations:approve"}))
    with pytest.raises(PermissionDeniedError, match=rf"by you \({asked_by}\): someone else"):
        approve(escalation_id, same)
    assert the_escalation(task_id).status == "requested"
    assert approve(escalation_id)["status"] == "approved"


def test_of_two_approvals_at_once_one_wins(no_tasks, asking):
    task_id = parked()
    escalation_id = the_escalation(task_id).id

    def decide(number):
        act = approve if number % 2 else reject
        try:
            return act(escalation_id)["status"]
        except ConflictError as error:
            return error.message

    outcomes = at_once(decide, range(8))
    assert sum("it can't be" in one for one in outcomes) == 7
    assert factories.run(task_id).state == "completed"


def test_the_other_mode_sees_nothing(no_tasks, asking):
    task_id = parked()
    live = Subject("key_3", "live", frozenset({"admin"}))
    with pytest.raises(NotFoundError):
        approve(the_escalation(task_id).id, live)
    with pytest.raises(NotFoundError):
        ask(task_id, live)
    assert the_escalation(task_id).status == "requested"


def test_a_request_parks_what_waits_for_a_worker(no_tasks):
    task_id = factories.create()["id"]
    asked = ask(task_id, priority="high")
    assert (asked["status"], asked["requested_by"], asked["rule"]) == ("requested", "key_1", None)
    assert task_row(task_id).state == "awaiting_approval"
    approve(asked["id"])
    assert factories.run(task_id).state == "completed"
    assert tiers(task_id)[:2] == [("implementer", "economy"), ("implementer", "premium")]
    assert len(factories.calls(task_id)) == 3
    assert told(task_id) == ["requested", "approved", "completed"]


def test_a_rejected_request_lets_the_economy_go_on(no_tasks):
    task_id = factories.create()["id"]
    reject(ask(task_id)["id"])
    assert factories.run(task_id).state == "completed"
    assert {tier for _, tier in tiers(task_id)} == {"economy"}


def test_a_request_pauses_what_runs_after_its_current_call(no_tasks):
    task_id = factories.create()["id"]
    work = factories.begin(factories.current_submission(task_id))
    asked = ask(task_id)
    assert task_row(task_id).state == "running"
    factories.finish(work)
    assert task_row(task_id).state == "awaiting_approval"
    approve(asked["id"])
    assert factories.run(task_id).state == "completed"
    assert tiers(task_id)[:2] == [("implementer", "economy"), ("implementer", "premium")]


def test_a_request_that_is_decided_during_the_call_is_carried_out_after_it(no_tasks):
    task_id = factories.create()["id"]
    work = factories.begin(factories.current_submission(task_id))
    approve(ask(task_id)["id"])
    assert task_row(task_id).state == "running"
    factories.finish(work)
    assert tiers(task_id)[-1] == ("implementer", "premium")
    assert factories.run(task_id).state == "completed"
    assert told(task_id) == ["requested", "approved", "completed"]


def test_a_request_about_a_final_task_opens_it_again_when_approved(no_tasks):
    task_id = factories.create()["id"]
    factories.run(task_id)
    asked = ask(task_id)
    assert task_row(task_id).state == "completed"
    approve(asked["id"])
    task = task_row(task_id)
    assert (task.state, task.run, task.result, task.escalated) == ("queued", 2, None, True)
    assert factories.run(task_id).state == "completed"
    assert ("implementer", "premium") in tiers(task_id)
    assert told(task_id) == ["requested", "approved", "completed"]


def test_a_rejected_request_about_a_final_task_changes_nothing(no_tasks):
    task_id = factories.create()["id"]
    factories.run(task_id)
    reject(ask(task_id)["id"])
    task = task_row(task_id)
    assert (task.state, task.run, task.escalation_id) == ("completed", 1, None)


def test_what_can_not_be_asked_for(no_tasks, asking):
    task_id = parked()
    with pytest.raises(ConflictError, match="has an open escalation, esc_"):
        ask(task_id)
    approve(the_escalation(task_id).id)
    with pytest.raises(ConflictError, match="with the premium model already"):
        ask(task_id)
    with transaction() as connection:
        cancel_task(connection, task_id, "test")
    with pytest.raises(ConflictError, match="is cancelled: it can't be escalated"):
        ask(task_id)
    with pytest.raises(NotFoundError):
        ask("task_0000000000000")
    assert len(escalations(task_id)) == 1


def test_a_task_that_ends_first_rejects_it(no_tasks, asking):
    task_id = parked()
    with transaction() as connection:
        cancel_task(connection, task_id, "test")
    escalation = the_escalation(task_id)
    assert (escalation.status, escalation.decided_by) == ("rejected", "system")
    assert factories.types(task_id)[-2:] == ["escalation.rejected", "task.cancelled"]
    with pytest.raises(ConflictError, match="is rejected: it can't be approved"):
        approve(escalation.id)


def test_a_deadline_ends_the_waiting(no_tasks, asking):
    task_id = parked()
    factories.change(Task, task_id, deadline_at=now() - timedelta(seconds=1))
    sweeps.deadlines()
    assert task_row(task_id).state == "failed"
    assert told(task_id) == ["requested", "rejected"]


def test_a_cancelled_premium_pass_completes_its_escalation(no_tasks, asking):
    task_id = parked()
    approve(the_escalation(task_id).id)
    with transaction() as connection:
        cancel_task(connection, task_id, "test")
    assert the_escalation(task_id).status == "completed"
    assert told(task_id) == ["requested", "approved", "completed"]


def test_an_approved_request_that_never_began_is_completed_with_its_task(no_tasks):
    task_id = factories.create()["id"]
    factories.begin(factories.current_submission(task_id))
    approve(ask(task_id)["id"])
    with transaction() as connection:
        cancel_task(connection, task_id, "test")
    assert the_escalation(task_id).status == "completed"
    assert task_row(task_id).escalation_id is None


def test_submitting_with_more_context_goes_on_without_the_approval(no_tasks, asking):
    task_id = parked()
    with transaction() as connection:
        submit_task(connection, task_id, "implementer", {"a": 1}, mode="test", request_id="req_y")
    assert task_row(task_id).state == "running"
    assert the_escalation(task_id).status == "rejected"


def test_a_new_run_begins_on_economy(no_tasks):
    task_id = factories.create(sandbox={"premium": {"error": "content_refused"}} | UNSURE)["id"]
    assert factories.run(task_id).state == "failed"
    with transaction() as connection:
        retry_task(connection, task_id, "test", "req_z")
    task = task_row(task_id)
    assert (task.escalated, task.premium_roles) == (False, None)
    assert tiers(task_id)[-1] == ("implementer", "economy")


def test_above_a_soft_limit_a_person_is_asked(no_tasks, tmp_path):
    with budgets(tmp_path, task={"soft": 0}):
        task_id = factories.create(sandbox=UNSURE)["id"]
        factories.finish(factories.begin(factories.current_submission(task_id)))
        assert task_row(task_id).state == "awaiting_approval"
        escalation = the_escalation(task_id)
    assert "above its soft limit of 0 USD" in escalation.reason
    assert any(one["figure"] == "budgets.task.soft" for one in escalation.figures)


def test_a_task_at_its_hard_limit_asks_whether_it_may_go_on(no_tasks, tmp_path):
    with budgets(tmp_path, task={"hard": Decimal("0.05")}):
        task_id = factories.create(sandbox={"input_tokens": 80_000})["id"]
        factories.finish(factories.begin(factories.current_submission(task_id)))
        assert factories.begin(factories.current_submission(task_id)) is None
        assert task_row(task_id).state == "awaiting_approval"
        escalation = the_escalation(task_id)
        assert (escalation.rule, escalation.tier) == ("task-budget", "economy")
        approve(escalation.id)
        assert factories.run(task_id).state == "completed"
        assert {tier for _, tier in tiers(task_id)} == {"economy"}
        assert told(task_id) == ["requested", "approved", "completed"]


def test_a_task_at_its_hard_limit_fails_when_nobody_allows_more(no_tasks, tmp_path):
    with budgets(tmp_path, task={"hard": Decimal("0.05")}):
        task_id = factories.create(sandbox={"input_tokens": 80_000})["id"]
        factories.finish(factories.begin(factories.current_submission(task_id)))
        factories.begin(factories.current_submission(task_id))
        reject(the_escalation(task_id).id)
    task = task_row(task_id)
    assert task.state == "failed"
    assert "budget of 0.05 USD leaves no room" in task.error


def test_small_requests_are_approved_at_once_where_the_file_says_so(no_tasks, tmp_path):
    with configured(tmp_path / "requests.toml", "[requests]\nmax_cost_usd = 1\n"):
        task_id = factories.create()["id"]
        asked = ask(task_id)
        assert (asked["status"], asked["decided_by"]) == ("approved", "system")
        assert factories.run(task_id).state == "completed"
    assert ("implementer", "premium") in tiers(task_id)


def test_starting_on_premium_may_need_a_person(no_tasks, tmp_path):
    rules = (
        '[[rules]]\nname = "dear"\nthen = "start_on_premium"\nmax_cost_usd = 0\n'
        'when = {role = ["implementer"]}\n'
    )
    with configured(tmp_path / "dear.toml", rules):
        task_id = factories.create()["id"]
        assert factories.begin(factories.current_submission(task_id)) is None
        assert task_row(task_id).state == "awaiting_approval"
        reject(the_escalation(task_id).id)
        assert factories.run(task_id).state == "completed"
        assert len(escalations(task_id)) == 1
    assert {call.tier for call in factories.calls(task_id)} == {"economy"}
