"""What Celery, and so Flower, hears of a message."""

import json
from concurrent.futures import Future

import pytest
from celery.exceptions import Reject, Retry

from tests import factories


@pytest.fixture
def hear(no_tasks):
    """Hands a message to the pool, and gives what Celery hears of its end."""
    # The module makes the Celery application, which asks for the broker's address.
    from kyros_worker.task.pool import Pool

    pool = Pool.__new__(Pool)
    pool._in_hand = set()

    def hear(job, argument):
        ended: Future[tuple] = Future()
        accepted = []
        pool.on_apply(
            None,
            (job, "a-uuid", {}, json.dumps([[argument], {}, {}]), "", ""),
            {},
            callback=ended.set_result,
            accept_callback=lambda pid, at: accepted.append((pid, at)),
        )
        failed, told, runtime = ended.result(20)
        assert len(accepted) == 1
        assert runtime >= 0
        return failed, told

    return hear


def submission(**fields):
    return factories.create(type="review", **fields)["submission_id"]


def test_of_one_that_ended_well_a_word(hear):
    one = submission()
    assert hear("submission.run", one) == (False, "completed")
    assert hear("submission.run", one) == (False, "nothing to do")
    assert hear("webhook.deliver", "whk_0000000000000") == (False, "nothing due")


def test_of_one_that_failed_no_word_of_the_provider(hear):
    failed, told = hear("submission.run", submission(sandbox={"error": "content_refused"}))
    assert failed
    assert repr(told.exception) == 'SubmissionError("failed: the task\'s timeline says why")'
    assert told.traceback == ""


def test_of_one_that_is_tried_again_that_it_is(hear):
    failed, told = hear("submission.run", submission(sandbox={"error": "timeout"}))
    assert failed
    assert isinstance(told.exception, Retry)
    assert repr(told.exception.exc) == "SubmissionError('retrying')"


def test_of_a_bug_its_kind_and_where(hear, monkeypatch):
    from kyros_worker.task import perform

    def wrong(*_, **__):
        raise ValueError("what a customer wrote")

    monkeypatch.setattr(perform, "start", wrong)
    failed, told = hear("submission.run", submission())
    assert failed
    assert repr(told.exception) == 'SubmissionError("ValueError: the worker\'s log says where")'
    assert "in wrong" in told.traceback
    assert told.traceback.endswith("ValueError")


def test_what_can_not_begin_goes_back_to_the_broker(hear, monkeypatch):
    from kyros_worker.task import perform

    monkeypatch.setattr(perform.keeper, "_stopping", type("Set", (), {"is_set": lambda _: True})())
    failed, told = hear("submission.run", submission())
    assert failed
    assert isinstance(told.exception, Reject)
    assert told.exception.requeue
