"""What a job writes: its claim, its call's outcome, and what follows from it."""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import select

from kyros_worker.agent.ask import Reply
from kyros_worker.bulk import Writes
from kyros_worker.cost.tables import ModelCall
from kyros_worker.database import read, transaction
from kyros_worker.event.tables import Event
from kyros_worker.model.usage import UNREPORTED, Usage
from kyros_worker.submission import claim
from kyros_worker.submission.tables import Submission
from kyros_worker.task.queries import get_fixed, get_task, timeline_after
from kyros_worker.task.record import Ended, record
from kyros_worker.task.states import STATUS_OF
from kyros_worker.task.tables import Task
from kyros_worker.task.workflow import MAX_RETRIES
from tests import factories


def begin(**fields):
    return factories.begin(factories.create(**fields)["submission_id"])


def total(task_id):
    return sum((call.cost_usd or 0 for call in factories.calls(task_id)), Decimal(0))


def lose(work):
    """Takes the claim away, as the sweep does with a dead worker's."""
    with transaction() as connection:
        writes = Writes()
        claim.give_back(writes, (work.submission_id, work.claim), lost=1)
        writes.execute(connection)


def ended(work, reply):
    """What became of a call that ended so; None is an abort."""
    with transaction() as connection:
        return record(connection, [Ended(work, reply, 0.1)])[0]


@pytest.mark.parametrize(
    ("fields", "roles", "state"),
    [
        ({}, "implementer critic integrator", "completed"),
        ({"type": "review"}, "critic", "completed"),
        ({"type": "review", "sandbox": {"refusals": 1}}, "critic", "completed"),
        ({"type": "deployment"}, "integrator", "completed"),
        ({"type": "deployment", "sandbox": {"decision": "no_go"}}, "integrator", "failed"),
        ({"type": "audit"}, "implementer", "completed"),
        ({"assignee_role": "critic"}, "critic", "completed"),
        (
            {"sandbox": {"refusals": 1}},
            "implementer critic implementer critic integrator",
            "completed",
        ),
        (
            {"sandbox": {"refusals": 2}},
            "implementer critic implementer critic implementer critic integrator",
            "completed",
        ),
        (
            {"sandbox": {"refusals": 3}},
            "implementer critic " * 4 + "integrator",
            "completed",
        ),
        (
            {"sandbox": {"refusals": 4}},
            "implementer critic " * 4,
            "failed",
        ),
        (
            {"sandbox": {"decision": "no_go"}},
            "implementer critic integrator " * 4,
            "failed",
        ),
    ],
)
def test_runs(no_tasks, fields, roles, state):
    task_id = factories.create(**fields)["id"]
    task = factories.run(task_id)
    passes = factories.submissions(task_id)
    assert [one.role for one in passes] == roles.split()
    assert [one.state for one in passes[:-1]] == ["completed"] * (len(passes) - 1)
    assert passes[-1].state == "completed"
    assert task.state == state
    assert (task.error is None) == (state == "completed")
    assert (task.result is None) == (state == "failed")
    assert task.cost_usd == total(task_id) > 0
    assert task.model_tier == "economy"
    assert task.started_at < task.completed_at
    assert (task.progress_percentage == 100) == (state == "completed")
    types = factories.types(task_id)
    assert types.count("task.started") == 1
    assert types[-1] == f"task.{state}"
    assert types.count("call.completed") == len(passes)


def test_progress_never_falls_and_every_event_tells_the_task_as_it_was(no_tasks):
    task_id = factories.create(sandbox={"refusals": 2})["id"]
    factories.run(task_id)
    with read() as connection:
        items = timeline_after(connection, get_fixed(connection, task_id, "test"), 0, 1000)
        now = get_task(connection, task_id, "test")
    told = [item["data"] for item in items if item["type"].startswith("task.")]
    shares = [one["progress"]["percentage"] for one in told]
    assert shares == sorted(shares)
    assert shares[-1] == 100
    assert told[-1] == now
    for one in told:
        assert one.keys() == now.keys()
        assert one["status"] == STATUS_OF[one["state"]]
    costs = [one["cost_usd"] for one in told]
    assert costs == sorted(costs)


def test_what_each_role_is_shown(no_tasks):
    task_id = factories.create(sandbox={"refusals": 1}, context={"free": 1})["id"]
    briefs = []
    while factories.row(Task, task_id).state in ("queued", "running"):
        work = factories.begin(factories.current_submission(task_id))
        briefs.append(work.brief)
        factories.finish(work)
    seen = [(one.role, one.revision, bool(one.draft), bool(one.verdict)) for one in briefs]
    assert seen == [
        ("implementer", 0, False, False),
        ("critic", 0, True, False),
        ("implementer", 1, True, True),
        ("critic", 1, True, False),
        ("integrator", 1, True, True),
    ]
    assert [one.refusals for one in briefs] == [0, 0, 1, 1, 1]
    assert [len(one.earlier_calls) for one in briefs] == [0, 1, 2, 3, 4]


def test_start_claims_once(no_tasks):
    task_id = factories.create()["id"]
    submission_id = factories.current_submission(task_id)
    work = factories.begin(submission_id)
    assert (work.claim, work.tries) == (1, 0)
    assert factories.begin(submission_id) is None
    (call,) = factories.calls(task_id)
    assert (call.id, call.state, call.claim, call.number) == (work.call_id, "started", 1, 1)
    assert (call.provider, call.model, call.mode) == ("sandbox", "sandbox-economy", "test")
    assert "Add a login" in call.prompt
    task = factories.row(Task, task_id)
    assert (task.state, task.progress_stage) == ("running", "implementer")
    assert factories.types(task_id)[2:] == ["task.started", "submission.started"]


@pytest.mark.parametrize(
    "submission_id", ["sub_0000000000000", "", "x", "task_0000000000000", "sub_1; DROP TABLE tasks"]
)
def test_a_stale_message_finds_nothing_to_do(no_tasks, submission_id):
    assert factories.begin(submission_id) is None


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
def test_a_late_message_finds_nothing_to_do(no_tasks, state):
    task_id = factories.in_state(state)
    before = factories.row(Task, task_id)
    for one in factories.submissions(task_id):
        assert factories.begin(one.id) is None
    assert factories.row(Task, task_id) == before


def test_a_submission_that_is_not_due_is_not_claimed(no_tasks):
    task_id = factories.in_state("waiting")
    submission_id = factories.current_submission(task_id)
    assert factories.begin(submission_id) is None
    factories.make_due(submission_id)
    assert factories.begin(submission_id).claim == 2


def test_a_reply_is_recorded_once(no_tasks):
    work = begin()
    reply = factories.answer_of(work)
    assert factories.finish(work, reply) is True
    before = factories.row(Task, work.task_id), factories.events(work.task_id)
    assert factories.finish(work, reply) is False
    assert (factories.row(Task, work.task_id), factories.events(work.task_id)) == before
    assert len(factories.submissions(work.task_id)) == 2


def test_without_the_lease_only_the_cost_is_recorded(no_tasks):
    work = begin()
    lose(work)
    before = factories.row(Task, work.task_id)
    assert factories.finish(work) is False
    after = factories.row(Task, work.task_id)
    call = factories.row(ModelCall, work.call_id)
    assert after.cost_usd == call.cost_usd > 0
    assert {**after._mapping, "cost_usd": 0} == before._mapping
    submission = factories.row(Submission, work.submission_id)
    assert (submission.state, submission.answer) == ("queued", None)
    assert factories.finish(work) is False
    assert factories.row(Task, work.task_id).cost_usd == call.cost_usd
    factories.run(work.task_id)
    assert factories.row(Task, work.task_id).cost_usd == total(work.task_id)


def test_an_old_claim_records_nothing_of_the_new_ones(no_tasks):
    old = begin()
    lose(old)
    new = factories.begin(old.submission_id)
    assert new.claim == old.claim + 1
    assert factories.finish(old) is False
    assert factories.row(Submission, new.submission_id).state == "running"
    assert factories.finish(new) is True


def test_a_failed_call_is_tried_again_with_growing_pauses_and_then_fails(no_tasks, no_rules):
    task_id = factories.create()["id"]
    submission_id = factories.current_submission(task_id)
    pauses = []
    for tries in range(MAX_RETRIES):
        factories.finish(factories.begin(submission_id), factories.failed_reply())
        submission = factories.row(Submission, submission_id)
        assert (submission.state, submission.tries) == ("queued", tries + 1)
        assert (submission.error_kind, submission.published) == ("server_error", 0)
        assert submission.publish_at >= submission.due_at
        with read() as connection:
            newest = select(Event.created_at).where(Event.task_id == task_id)
            at = max(connection.execute(newest).scalars())
        pauses.append((submission.due_at - at).total_seconds())
        task = factories.row(Task, task_id)
        assert (task.state, task.progress_stage) == ("running", "waiting")
        factories.make_due(submission_id)
    assert pauses == pytest.approx([2, 4], abs=0.5)
    factories.finish(factories.begin(submission_id), factories.failed_reply())
    task = factories.row(Task, task_id)
    assert task.state == "failed"
    assert task.error == "The model call failed 3 times; the last time: The provider failed."
    assert factories.row(Submission, submission_id).state == "failed"
    assert factories.types(task_id).count("submission.retrying") == MAX_RETRIES
    assert len(factories.calls(task_id)) == 3


def test_a_permanent_failure_fails_at_once(no_tasks):
    task_id = factories.in_state("failed")
    assert factories.row(Task, task_id).error == "The provider failed."
    assert factories.types(task_id)[-3:] == ["call.failed", "submission.failed", "task.failed"]


@pytest.mark.parametrize(
    ("error", "state"),
    [
        ("rate_limited", "completed"),
        ("timeout", "completed"),
        ("content_refused", "awaiting_approval"),
    ],
)
def test_steered_errors(no_tasks, error, state):
    task_id = factories.create(sandbox={"error": error})["id"]
    assert factories.run(task_id).state == state


def test_an_invalid_answer_is_asked_again_once(no_tasks):
    work = begin(sandbox={"error": "invalid_output", "error_times": 1})
    invalid = factories.answer_of(work)
    again = ended(work, invalid)
    assert again.correction == invalid.failure.message
    assert (again.claim, again.call_id != work.call_id) == (work.claim, True)
    first, second = factories.calls(work.task_id)
    assert (first.state, first.error_kind, second.state) == ("failed", "invalid_output", "started")
    assert (first.number, second.number) == (1, 2)
    assert first.cost_usd > 0
    assert again.correction in second.prompt
    assert factories.finish(again) is True
    assert factories.row(Task, work.task_id).cost_usd == total(work.task_id)
    assert factories.types(work.task_id)[4:7] == [
        "call.failed", "call.completed", "submission.completed",
    ]  # fmt: skip


def test_asking_again_without_the_lease(no_tasks):
    work = begin(sandbox={"error": "invalid_output"})
    invalid = factories.answer_of(work)
    lose(work)
    assert ended(work, invalid) == "lost its lease"
    assert len(factories.calls(work.task_id)) == 1
    assert factories.row(Task, work.task_id).cost_usd == total(work.task_id) > 0
    assert ended(work, invalid) == "lost its lease"
    assert factories.row(Task, work.task_id).cost_usd == total(work.task_id)


def test_an_abort_gives_the_submission_back(no_tasks):
    work = begin()
    assert ended(work, None) == "given back"
    assert ended(work, None) == "aborted"
    submission = factories.row(Submission, work.submission_id)
    assert (submission.state, submission.claimed_by, submission.tries) == ("queued", None, 0)
    assert factories.types(work.task_id)[-2:] == ["call.aborted", "submission.released"]
    assert factories.run(work.task_id).state == "completed"


def test_an_abort_without_the_lease_changes_nothing(no_tasks):
    work = begin()
    lose(work)
    before = factories.row(Task, work.task_id)
    assert ended(work, None) == "aborted"
    call = factories.row(ModelCall, work.call_id)
    assert (call.state, call.cost_usd, call.estimated) == ("aborted", call.reserved_usd, True)
    after = factories.row(Task, work.task_id)
    assert {**after._mapping, "cost_usd": 0} == before._mapping
    assert after.cost_usd == call.cost_usd


def test_usage_that_was_not_reported_counts_at_the_reservation(no_tasks):
    work = begin()
    reply = replace(factories.answer_of(work), usage=UNREPORTED, cost_usd=None)
    factories.finish(work, reply)
    call = factories.row(ModelCall, work.call_id)
    assert (call.input_tokens, call.output_tokens) == (None, None)
    assert (call.cost_usd, call.estimated, call.unpriced) == (call.reserved_usd, True, None)
    assert factories.row(Task, work.task_id).cost_usd == call.reserved_usd > 0


def test_costs_are_added_exactly(no_tasks):
    """Sums that no binary fraction could hold."""
    task_id = factories.create()["id"]
    for turn in range(3):
        submission_id = factories.current_submission(task_id)
        work = factories.begin(submission_id)
        given: Reply = replace(
            factories.answer_of(work),
            usage=Usage(1, 1),
            cost_usd=Decimal("0.0000001") * (turn + 1) + Decimal("1E-18"),
        )
        factories.finish(work, given)
    assert factories.row(Task, task_id).cost_usd == Decimal("0.000000600000000003")
