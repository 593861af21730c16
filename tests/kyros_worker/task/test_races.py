"""Two that change the same task at once: one of them wins, and exactly one end is told."""

from kyros_worker.database import transaction
from kyros_worker.errors import ConflictError
from kyros_worker.task.cancel import cancel_task, fail_past_deadline
from kyros_worker.task.lost import take_from_lost_worker
from kyros_worker.task.reopen import retry_task
from kyros_worker.task.submit import submit_task
from kyros_worker.task.tables import Task
from tests import factories
from tests.at_once import at_once

ENDS = {"task.completed", "task.failed", "task.cancelled"}
ROUNDS = 25


def together(*functions):
    """What functions give, or the conflict they raise, when all run at the same moment."""

    def one(function):
        try:
            with transaction() as connection:
                return function(connection)
        except ConflictError as error:
            return error

    return at_once(one, functions)


def reviewed():
    """A task whose next reply ends it."""
    work = factories.begin(factories.create(type="review")["submission_id"])
    return work, factories.answer_of(work)


def check_ends(task_id, expected):
    types = factories.types(task_id)
    assert sum(one in ENDS for one in types) == expected
    task = factories.row(Task, task_id)
    assert task.cost_usd == sum(call.cost_usd or 0 for call in factories.calls(task_id))
    assert (task.state in ("completed", "failed", "cancelled")) == (types[-1] in ENDS)


def test_cancel_and_record(no_tasks):
    for _ in range(ROUNDS):
        work, reply = reviewed()
        recorded, cancelled = together(
            lambda connection, work=work, reply=reply: factories.recorded(connection, work, reply),
            lambda connection, work=work: cancel_task(connection, work.task_id, "test"),
        )
        assert recorded == isinstance(cancelled, ConflictError)
        check_ends(work.task_id, 1)
        assert factories.row(Task, work.task_id).state == ("completed" if recorded else "cancelled")


def test_the_same_reply_twice(no_tasks):
    for _ in range(ROUNDS):
        work, reply = reviewed()
        recorded = together(
            *[
                lambda connection, work=work, reply=reply: factories.recorded(
                    connection, work, reply
                )
            ]
            * 2
        )
        assert sorted(recorded) == [False, True]
        check_ends(work.task_id, 1)


def test_a_submission_is_claimed_by_one(no_tasks):
    from kyros_worker.task.start import start

    for _ in range(ROUNDS):
        task = factories.create()
        found = together(
            *[lambda connection, task=task: start(connection, [task["submission_id"]], "w")[0]] * 4
        )
        assert sum(one is not None for one in found) == 1
        assert len(factories.calls(task["id"])) == 1


def test_cancel_twice(no_tasks):
    for _ in range(ROUNDS):
        task_id = factories.create()["id"]
        found = together(
            *[lambda connection, task_id=task_id: cancel_task(connection, task_id, "test")] * 3
        )
        assert sum(isinstance(one, ConflictError) for one in found) == 2
        check_ends(task_id, 1)


def test_retry_twice(no_tasks):
    for _ in range(ROUNDS):
        task_id = factories.in_state("cancelled")
        found = together(
            *[lambda connection, task_id=task_id: retry_task(connection, task_id, "test", "r")] * 2
        )
        assert sum(isinstance(one, ConflictError) for one in found) == 1
        assert factories.row(Task, task_id).run == 2
        check_ends(task_id, 1)


def test_submit_and_record(no_tasks):
    for _ in range(ROUNDS):
        work, reply = reviewed()
        together(
            lambda connection, work=work, reply=reply: factories.recorded(connection, work, reply),
            lambda connection, work=work: submit_task(
                connection, work.task_id, "critic", {}, mode="test", request_id="req_2"
            ),
        )
        factories.run(work.task_id)
        check_ends(work.task_id, factories.row(Task, work.task_id).run)


def test_everything_at_once(no_tasks):
    """A reply, a cancellation, the deadline and the lease's end."""
    for _ in range(ROUNDS):
        work, reply = reviewed()
        factories.expire(work.submission_id)
        factories.change(Task, work.task_id, deadline_at=Task.created_at)
        together(
            lambda connection, work=work, reply=reply: factories.recorded(connection, work, reply),
            lambda connection, work=work: cancel_task(connection, work.task_id, "test"),
            lambda connection, work=work: fail_past_deadline(connection, work.task_id),
            lambda connection, work=work: take_from_lost_worker(
                connection, work.task_id, work.submission_id
            ),
        )
        check_ends(work.task_id, 1)
