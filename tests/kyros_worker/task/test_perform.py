"""One job, driven as a worker drives it, on the sandbox."""

import threading

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from kyros_worker.database import transaction
from kyros_worker.task import perform as job
from kyros_worker.task.cancel import cancel_task
from kyros_worker.task.perform import perform
from kyros_worker.task.tables import Task
from tests import factories

SLOW = {"delay_seconds": 60}


def work_on(task_id):
    """Performs the current submission, as often as the task goes on without a pause."""
    while factories.row(Task, task_id).state in ("queued", "running"):
        factories.make_due(factories.current_submission(task_id))
        perform(factories.current_submission(task_id))
    return factories.row(Task, task_id)


@pytest.mark.parametrize(
    ("sandbox", "state", "calls"),
    [
        ({}, "completed", 3),
        ({"refusals": 1}, "completed", 5),
        ({"error": "server_error"}, "completed", 4),
        # Three tries on economy, three on premium.
        ({"error": "server_error", "error_times": 9}, "failed", 6),
        ({"error": "content_refused"}, "awaiting_approval", 1),
        # Asked again at once, within the same claim.
        ({"error": "invalid_output"}, "completed", 4),
        ({"error": "invalid_output", "error_times": 2}, "completed", 5),
        # Each of three tries is asked twice; premium is once more, then answers well.
        ({"error": "invalid_output", "error_times": 9}, "completed", 12),
    ],
)
def test_to_the_end(no_tasks, sandbox, state, calls):
    task_id = factories.create(sandbox=sandbox)["id"]
    task = work_on(task_id)
    assert task.state == state
    made = factories.calls(task_id)
    assert len(made) == calls
    assert task.cost_usd == sum(call.cost_usd for call in made)
    assert all(call.state in ("completed", "failed") for call in made)


def test_a_second_message_finds_nothing_to_do(no_tasks):
    task_id = factories.create()["id"]
    submission_id = factories.current_submission(task_id)
    perform(submission_id)
    before = factories.row(Task, task_id)
    perform(submission_id)
    assert factories.row(Task, task_id) == before


def test_a_job_is_one_line_of_ids_and_names(no_tasks):
    created = factories.create(type="review", priority="high", title="CANARY", description="CANARY")
    with capture_logs() as lines:
        assert perform(created["submission_id"]) == "completed"
    call, line = lines
    assert (call["event"], call["log_level"], call["outcome"]) == ("call", "debug", "completed")
    assert call["request_id"] == line["request_id"] == "req_1"
    assert line.pop("duration_ms") > 0
    assert line == {
        "event": "submission",
        "log_level": "info",
        "outcome": "completed",
        "error_kind": None,
        "priority": "high",
        "claim": 1,
        "role": "critic",
        "tier": "economy",
        "model": "sandbox:sandbox-economy",
        "task_id": created["id"],
        "submission_id": created["submission_id"],
        "request_id": "req_1",
    }


def test_a_failed_call_is_told_without_the_providers_words(no_tasks):
    sandbox = {"error": "rate_limited"}
    with capture_logs() as lines:
        perform(factories.create(type="review", sandbox=sandbox)["submission_id"])
    call, line = lines
    assert (call["log_level"], call["outcome"]) == ("warning", "failed")
    assert call["error_kind"] == line["error_kind"] == "rate_limited"
    assert line["outcome"] == "retrying"
    assert set(call) == (set(line) - {"priority", "claim"}) | {"call_id"}


def test_each_job_of_one_batch_has_its_own_request(no_tasks):
    made = {}
    for number in range(8):
        new = factories.new_task(type="review")
        (one,) = factories.create_all(new, request_id=f"req_of_{number}")
        made[one["submission_id"]] = f"req_of_{number}"
    with capture_logs() as lines:
        for done in [job.take(submission_id) for submission_id in made]:
            done.result(20)
    told = [one for one in lines if one["event"] == "submission"]
    assert {one["submission_id"]: one["request_id"] for one in told} == made


@pytest.fixture
def performing(no_tasks):
    """A task whose call takes a minute, and the thread that works on it."""
    task_id = factories.create(sandbox=SLOW)["id"]
    submission_id = factories.current_submission(task_id)
    thread = threading.Thread(target=perform, args=(submission_id,), daemon=True)
    thread.start()
    while factories.row(Task, task_id).state == "queued" or not job.keeper._held:
        thread.join(0.01)
        assert thread.is_alive()
    return task_id, thread


def test_a_cancelled_tasks_call_is_abandoned(performing):
    task_id, thread = performing
    with transaction() as connection:
        cancel_task(connection, task_id, "test")
    thread.join(30)
    assert not thread.is_alive()
    (call,) = factories.calls(task_id)
    assert call.state == "aborted"
    assert factories.types(task_id)[-3:] == [
        "call.aborted", "submission.cancelled", "task.cancelled",
    ]  # fmt: skip


def test_at_a_shutdown_the_submission_is_given_back(performing):
    task_id, thread = performing
    for abort in list(job.keeper._held.values()):
        abort()
    thread.join(30)
    assert not thread.is_alive()
    (submission,) = factories.submissions(task_id)
    assert (submission.state, submission.tries, submission.lost) == ("queued", 0, 0)
    assert factories.types(task_id)[-2:] == ["call.aborted", "submission.released"]


def test_an_answer_is_held_while_postgres_is_away(no_tasks, monkeypatch):
    task_id = factories.create(type="review")["id"]
    monkeypatch.setattr(job, "_PAUSE_SECONDS", 0.01)
    original, left = job.record, [3]

    def away(*args):
        if left[0]:
            left[0] -= 1
            raise OperationalError("UPDATE", {}, Exception("gone"))
        return original(*args)

    monkeypatch.setattr(job, "record", away)
    perform(factories.current_submission(task_id))
    assert left == [0]
    assert factories.row(Task, task_id).state == "completed"


def test_a_bug_is_not_insisted_on(no_tasks, monkeypatch, caplog):
    task_id = factories.create(type="review")["id"]

    def wrong(*_):
        raise ValueError("a bug")

    monkeypatch.setattr(job, "record", wrong)
    with pytest.raises(ValueError, match="a bug"):
        perform(factories.current_submission(task_id))
    assert job.keeper._held == {}
    (submission,) = factories.submissions(task_id)
    assert submission.state == "running", "its lease runs out, and the sweep takes it"
    (record,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert record.getMessage() == "A submission could not be worked on."
    assert (record.task_id, record.request_id) == (task_id, "req_1")


def test_what_could_not_even_be_claimed_is_told_with_its_id(no_tasks, monkeypatch, caplog):
    submission_id = factories.create(type="review")["submission_id"]

    def wrong(*_):
        raise ValueError("a bug")

    monkeypatch.setattr(job, "start", wrong)
    with pytest.raises(ValueError, match="a bug"):
        perform(submission_id)
    (record,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert record.submission_id == submission_id
