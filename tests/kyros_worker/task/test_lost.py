"""Work whose worker died."""

from kyros_worker.cost.tables import ModelCall
from kyros_worker.database import transaction
from kyros_worker.submission import claim
from kyros_worker.submission.tables import Submission
from kyros_worker.task.lost import take_from_lost_worker
from kyros_worker.task.tables import Task
from kyros_worker.task.workflow import MAX_LOST
from tests import factories


def take(work):
    with transaction() as connection:
        take_from_lost_worker(connection, work.task_id, work.submission_id)


def begin():
    return factories.begin(factories.create()["submission_id"])


def test_it_is_run_again_at_once(no_tasks):
    work = begin()
    factories.expire(work.submission_id)
    take(work)
    submission = factories.row(Submission, work.submission_id)
    assert (submission.state, submission.lost, submission.tries) == ("queued", 1, 0)
    assert (submission.claimed_by, submission.lease_expires_at) == (None, None)
    assert factories.row(ModelCall, work.call_id).state == "lost"
    assert factories.types(work.task_id)[-2:] == ["call.lost", "submission.lost"]
    assert factories.row(Task, work.task_id).state == "running"
    assert factories.begin(work.submission_id).claim == 2


def test_a_lease_that_was_renewed_stays(no_tasks):
    work = begin()
    before = factories.row(Submission, work.submission_id)
    take(work)
    assert factories.row(Submission, work.submission_id) == before
    factories.expire(work.submission_id)
    with transaction() as connection:
        held = (work.submission_id, work.claim)
        assert claim.renew(connection, [held, ("sub_1", 1)], 15) == {held}
    take(work)
    assert factories.finish(work) is True


def test_what_has_ended_is_left_alone(no_tasks):
    work = begin()
    factories.finish(work)
    before = factories.row(Task, work.task_id)
    take(work)
    assert factories.row(Task, work.task_id) == before
    with transaction() as connection:
        take_from_lost_worker(connection, "task_0000000000000", "sub_0000000000000")


def test_it_is_given_up_when_ten_workers_died_of_it(no_tasks):
    work = begin()
    for _ in range(MAX_LOST - 1):
        factories.expire(work.submission_id)
        take(work)
        assert factories.row(Task, work.task_id).state == "running"
        work = factories.begin(work.submission_id)
    assert work.tries == 0, "none of them was a failed try"
    factories.expire(work.submission_id)
    take(work)
    task = factories.row(Task, work.task_id)
    assert task.state == "failed"
    assert task.error == "The implementer's worker died 10 times while it worked on the task."
    assert factories.row(Submission, work.submission_id).state == "cancelled"
    types = factories.types(work.task_id)
    assert types.count("submission.lost") == MAX_LOST - 1
    assert types.count("call.lost") == MAX_LOST
    assert types[-1] == "task.failed"
    assert factories.begin(work.submission_id) is None


def test_the_worker_may_come_back_and_settle_its_call(no_tasks):
    work = begin()
    factories.expire(work.submission_id)
    take(work)
    assert factories.finish(work) is False
    call = factories.row(ModelCall, work.call_id)
    assert (call.state, call.cost_usd > 0) == ("lost", True)
    assert factories.row(Task, work.task_id).cost_usd == call.cost_usd
