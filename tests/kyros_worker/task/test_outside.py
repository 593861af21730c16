"""What people do to a task from outside, in every state that it can be in."""

import pytest

from kyros_worker.cost.tables import ModelCall
from kyros_worker.database import transaction
from kyros_worker.errors import ConflictError, InvalidError, NotFoundError
from kyros_worker.submission.tables import Submission
from kyros_worker.task.cancel import cancel_if_open, cancel_task, fail_past_deadline
from kyros_worker.task.reopen import retry_task
from kyros_worker.task.submit import known_role, submit_task
from kyros_worker.task.tables import Task
from tests import factories

OPEN = ["queued", "running", "between", "waiting", "awaiting_approval"]
FINAL = ["completed", "failed", "cancelled"]
FINAL_EVENTS = {"task.completed", "task.failed", "task.cancelled"}


def cancel(task_id, mode="test"):
    with transaction() as connection:
        cancel_task(connection, task_id, mode)


def retry(task_id, mode="test"):
    with transaction() as connection:
        retry_task(connection, task_id, mode, "req_2")


def submit(task_id, role="implementer", context=None, mode="test"):
    with transaction() as connection:
        return submit_task(connection, task_id, role, context or {}, mode=mode, request_id="req_2")


def unfinished(task_id):
    return [one for one in factories.submissions(task_id) if one.state in ("queued", "running")]


@pytest.mark.parametrize("state", OPEN)
def test_cancel_an_open_task(no_tasks, state):
    task_id = factories.in_state(state)
    cancel(task_id)
    task = factories.row(Task, task_id)
    assert (task.state, task.status, task.error) == (
        "cancelled", "failed", "The task was cancelled.",
    )  # fmt: skip
    assert task.completed_at is not None
    assert unfinished(task_id) == []
    assert all(call.state != "started" for call in factories.calls(task_id))
    types = factories.types(task_id)
    ended = "escalation.rejected" if state == "awaiting_approval" else "submission.cancelled"
    assert types[-2:] == [ended, "task.cancelled"]
    assert ("call.aborted" in types) == (state == "running")
    assert sum(one in FINAL_EVENTS for one in types) == 1


@pytest.mark.parametrize("state", FINAL)
def test_cancel_a_final_task(no_tasks, state):
    task_id = factories.in_state(state)
    before = factories.row(Task, task_id)
    with pytest.raises(ConflictError, match=f"is {state}: it can't be cancelled"):
        cancel(task_id)
    assert factories.row(Task, task_id) == before


@pytest.mark.parametrize("state", FINAL)
def test_what_the_system_cancels_may_have_ended(no_tasks, state):
    task_id = factories.in_state(state)
    before = factories.row(Task, task_id)
    with transaction() as connection:
        cancel_if_open(connection, task_id, "superseded by task_1")
        cancel_if_open(connection, "task_0000000000000", "superseded by task_1")
        fail_past_deadline(connection, task_id)
        fail_past_deadline(connection, "task_0000000000000")
    assert factories.row(Task, task_id) == before


@pytest.mark.parametrize("state", [*OPEN, "completed"])
def test_retry_what_did_not_fail(no_tasks, state):
    task_id = factories.in_state(state)
    before = factories.row(Task, task_id)
    with pytest.raises(ConflictError, match="it can't be retried") as refused:
        retry(task_id)
    assert before.state in str(refused.value)
    assert refused.value.code == "wrong_state"
    assert factories.row(Task, task_id) == before


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_retry_begins_anew(no_tasks, state):
    task_id = factories.in_state(state, deadline_seconds=60)
    before = factories.row(Task, task_id)
    retry(task_id)
    task = factories.row(Task, task_id)
    assert (task.state, task.status, task.run) == ("queued", "pending", 2)
    assert (task.result, task.error, task.completed_at, task.started_at) == (None,) * 4
    assert (task.progress_percentage, task.progress_stage) == (0, "queued")
    assert task.deadline_at > before.deadline_at
    assert (task.deadline_at - task.updated_at).total_seconds() == 60
    (left,) = unfinished(task_id)
    assert (left.id, left.run, left.role, left.request_id) == (
        task.submission_id, 2, "implementer", "req_2",
    )  # fmt: skip
    ended = factories.run(task_id)
    assert ended.state == "completed"
    types = factories.types(task_id)
    assert [one for one in types if one in FINAL_EVENTS] == [f"task.{state}", "task.completed"]
    assert types.count("task.started") == 2 - (state == "cancelled")


def test_a_task_can_be_retried_again_and_again(no_tasks):
    task_id = factories.in_state("cancelled")
    for run in range(2, 12):
        retry(task_id)
        cancel(task_id)
        assert factories.row(Task, task_id).run == run
    assert factories.types(task_id).count("task.cancelled") == 11


@pytest.mark.parametrize("act", [cancel, retry, submit])
@pytest.mark.parametrize(
    "task_id",
    ["task_0000000000000", "task_1", "null", "", "sub_0000000000000", "task_" + "\uff11" * 13],
)
def test_there_is_no_such_task(no_tasks, act, task_id):
    with pytest.raises(NotFoundError) as refused:
        act(task_id)
    assert refused.value.data["status"] == "failed"
    assert refused.value.data["error"] == refused.value.message


@pytest.mark.parametrize("act", [cancel, retry, submit])
def test_the_other_modes_tasks_do_not_exist(no_tasks, act):
    task_id = factories.in_state("cancelled" if act is retry else "queued")
    with pytest.raises(NotFoundError):
        act(task_id, mode="live")
    factories.change(Task, task_id, mode="live")
    before = factories.row(Task, task_id)
    with pytest.raises(NotFoundError):
        act(task_id)
    assert factories.row(Task, task_id) == before


def test_submit_joins_what_has_not_started(no_tasks):
    task_id = factories.create(context={"files": {"a.py": "1"}, "free": 1})["id"]
    first = factories.current_submission(task_id)
    for _ in range(2):
        answer = submit(task_id, context={"files": {"b.py": "2"}})
        assert answer == {
            "submission_id": first, "task_id": task_id, "role": "implementer", "status": "queued",
        }  # fmt: skip
    assert len(factories.submissions(task_id)) == 1
    together = {"files": {"a.py": "1", "b.py": "2"}, "free": 1}
    assert factories.row(Task, task_id).context == together
    assert factories.begin(first).brief.context == together
    assert factories.types(task_id)[2:4] == ["submission.joined"] * 2
    ended = factories.submissions(task_id)
    assert len(ended) == 1


def test_create_then_submit_gives_one_result_and_one_final_event(no_tasks):
    task_id = factories.create()["id"]
    submit(task_id, context={"repository_state": "main"})
    factories.run(task_id)
    assert sum(one in FINAL_EVENTS for one in factories.types(task_id)) == 1
    assert [one.role for one in factories.submissions(task_id)] == [
        "implementer", "critic", "integrator",
    ]  # fmt: skip


def test_submit_supersedes_what_runs(no_tasks):
    task_id = factories.create()["id"]
    work = factories.begin(factories.current_submission(task_id))
    answer = submit(task_id, context={"free": 1})
    assert answer["submission_id"] != work.submission_id
    assert factories.current_submission(task_id) == answer["submission_id"]
    assert factories.row(Submission, work.submission_id).state == "superseded"
    assert factories.row(ModelCall, work.call_id).state == "aborted"
    assert factories.finish(work) is False
    task = factories.run(task_id)
    types = factories.types(task_id)
    assert [one for one in types if one in FINAL_EVENTS] == ["task.completed"]
    assert types.count("task.started") == 1
    assert task.cost_usd == sum(call.cost_usd for call in factories.calls(task_id))
    assert factories.row(ModelCall, work.call_id).cost_usd > 0, "its cost is shown all the same"


@pytest.mark.parametrize("state", ["queued", "running", "between", "waiting", "awaiting_approval"])
@pytest.mark.parametrize("role", ["critic", "integrator", "implementer"])
def test_submit_goes_on_from_that_role(no_tasks, state, role):
    task_id = factories.in_state(state)
    standing = factories.row(Submission, factories.current_submission(task_id))
    answer = submit(task_id, role, {"free": 1})
    joined = standing.role == role and standing.state == "queued"
    assert (answer["submission_id"] == standing.id) == joined
    (left,) = unfinished(task_id)
    assert (left.id, left.role) == (answer["submission_id"], role)
    task = factories.run(task_id)
    assert task.state == "completed"
    assert factories.submissions(task_id)[-1].role == "integrator"
    assert sum(one in FINAL_EVENTS for one in factories.types(task_id)) == 1


@pytest.mark.parametrize("state", FINAL)
@pytest.mark.parametrize("role", ["implementer", "critic", "integrator"])
def test_submit_opens_a_final_task_again(no_tasks, state, role):
    task_id = factories.in_state(state)
    answer = submit(task_id, role, {"free": 1})
    task = factories.row(Task, task_id)
    assert (task.state, task.status, task.run) == ("queued", "pending", 2)
    assert (task.result, task.error, task.completed_at) == (None, None, None)
    assert task.submission_id == answer["submission_id"]
    assert task.context == {"free": 1}
    assert factories.run(task_id).state == "completed"
    ends = [one for one in factories.types(task_id) if one in FINAL_EVENTS]
    assert ends == [f"task.{state}", "task.completed"]


def test_submitting_to_another_role_of_a_task_for_one_role_runs_it_alone(no_tasks):
    task_id = factories.create(type="review")["id"]
    submit(task_id, "integrator")
    task = factories.run(task_id)
    assert (task.state, task.result["role"]) == ("completed", "integrator")


def test_contexts_that_are_too_large_together(no_tasks):
    half = "x" * (600 * 1024)
    task_id = factories.create(context={"files": {"a": half}})["id"]
    before = factories.row(Task, task_id)
    with pytest.raises(InvalidError) as refused:
        submit(task_id, context={"files": {"b": half}})
    assert [one.field for one in refused.value.details] == ["context"]
    assert factories.row(Task, task_id) == before
    submit(task_id, context={"files": {"a": half}})


def test_known_role():
    assert known_role("critic") == "critic"
    for name in ("", "Critic", "critic ", "x" * 10_000):
        with pytest.raises(NotFoundError) as refused:
            known_role(name)
        assert len(refused.value.message) < 200
