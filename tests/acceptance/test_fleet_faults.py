"""Workers that are killed, frozen or stopped in the middle of a call."""

import os
import signal
import time

import psutil

from tests.acceptance.stack import LOG
from tests.eventually import eventually

#: Design, law 4: a killed worker's work is running again elsewhere.
AGAIN_SECONDS = 30


def test_the_work_of_a_killed_worker_runs_again(stack):
    task = stack.create({"implementer": {"delay_seconds": 6}}, type="translation")
    stack.wait_running(task["submission_id"])
    stack.kill_group("implementer")
    began = time.monotonic()

    def again():
        found = stack.running(task["submission_id"])
        return found and found[0] > 1

    eventually(again, AGAIN_SECONDS, "the work is running again")
    LOG.info(f"running again after {time.monotonic() - began:.1f} s")
    (done,) = stack.wait_final(task)
    assert done["state"] == "completed"
    assert stack.calls(task["id"]) == [("lost", 1, 1), ("completed", 2, 1)]


def test_a_premium_call_that_dies_with_its_worker_is_counted_and_the_escalation_ends(stack):
    sandbox = {"economy": {"confidence": 0.2}, "premium": {"delay_seconds": 4}}
    task = stack.create(sandbox, type="translation")

    def premium():
        query = "SELECT id FROM submissions WHERE task_id = %s AND tier = 'premium'"
        found = stack.query(query, task["id"])
        return found[0][0] if found else None

    stack.wait_running(eventually(premium, 20, "premium takes over"))
    stack.kill_group("implementer")
    (done,) = stack.wait_final(task, seconds=60)
    assert (done["state"], done["escalated"]) == ("completed", True)
    query = (
        "SELECT state, estimated, cost_usd = reserved_usd FROM model_calls"
        " WHERE task_id = %s AND tier = 'premium' ORDER BY id"
    )
    assert stack.query(query, task["id"]) == [
        ("lost", True, True),
        ("completed", False, False),
    ]
    told = [one for one in stack.events(task["id"]) if one.startswith("escalation.")]
    assert told == ["escalation.requested", "escalation.approved", "escalation.completed"]


def test_a_message_that_dies_with_its_worker_is_sent_again(stack):
    """A frozen worker's open request takes the message from Redis; nobody ever claims it."""
    with stack.frozen("critic"):
        task = stack.create(type="review")
        published = "SELECT 1 FROM submissions WHERE id = %s AND published_at IS NOT NULL"
        eventually(lambda: stack.query(published, task["submission_id"]), 20, "it is published")
        stack.kill_group("critic")
        began = time.monotonic()
    stack.wait_final(task, seconds=AGAIN_SECONDS)
    LOG.info(f"done {time.monotonic() - began:.1f} s after the worker's death")


def test_a_worker_that_lost_its_lease_records_its_call_alone(stack):
    with stack.extra_worker("implementer"):
        task = stack.create({"delay_seconds": 6}, type="translation")
        _, frozen = stack.wait_running(task["submission_id"])
        os.kill(frozen, signal.SIGSTOP)
        try:
            began = time.monotonic()

            def elsewhere():
                found = stack.running(task["submission_id"])
                return found and found[0] == 2 and found[1] != frozen

            eventually(elsewhere, AGAIN_SECONDS, "another worker has the work")
            LOG.info(f"running elsewhere after {time.monotonic() - began:.1f} s")
        finally:
            os.kill(frozen, signal.SIGCONT)
        settled = (
            "SELECT cost_usd IS NOT NULL FROM model_calls"
            " WHERE task_id = %s AND claim = 1 AND latency_seconds IS NOT NULL"
        )
        eventually(lambda: stack.query(settled, task["id"]), 20, "it settled its own call")
        (done,) = stack.wait_final(task)
    assert done["state"] == "completed"
    assert stack.calls(task["id"]) == [("lost", 1, 1), ("completed", 2, 1)]
    assert stack.events(task["id"]).count("submission.completed") == 1


def test_a_stopped_worker_gives_its_leases_back(stack):
    with stack.extra_worker("implementer"):
        task = stack.create({"delay_seconds": 15}, type="translation")
        _, stopped = stack.wait_running(task["submission_id"])
        worker = psutil.Process(stopped)
        began = time.monotonic()
        worker.terminate()

        def given_back():
            return "submission.released" in stack.events(task["id"])

        eventually(given_back, 12, "the lease is given back")
        back = time.monotonic()
        eventually(
            lambda: (found := stack.running(task["submission_id"])) and found[1] != stopped,
            10,
            "it runs again elsewhere",
        )
        again = time.monotonic()
        # supervisord would kill it after twelve seconds.
        eventually(
            lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE,
            12 - (again - began),
            "the worker has ended by itself",
        )
        LOG.info(
            f"back after {back - began:.1f} s, again after {again - began:.1f} s,"
            f" ended after {time.monotonic() - began:.1f} s"
        )
        (done,) = stack.wait_final(task)
    assert done["state"] == "completed"
    assert stack.calls(task["id"]) == [("aborted", 1, 1), ("completed", 2, 1)]
    (tries,) = stack.query("SELECT tries FROM submissions WHERE id = %s", task["submission_id"])
    assert tries == (0,)
