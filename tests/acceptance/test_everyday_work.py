"""Work on a stack that nothing disturbs: every kind of task, from HTTP to its result."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from celery import Celery

from kyros_worker.queue.names import RUN_SUBMISSION
from tests.acceptance.stack import LOG, new_task
from tests.eventually import eventually


def test_each_kind_of_task_gets_its_result(stack):
    tasks = stack.create_many([
        new_task(),
        new_task(type="review"),
        new_task(type="deployment"),
        new_task({"decision": "no_go"}, type="deployment"),
        new_task(type="translation"),
        new_task({"refusals": 1}),
        new_task({"refusals": 4}),
        new_task({"refusals": 3}),
    ])  # fmt: skip
    done = stack.wait_final(*tasks)
    implementation, review, go, no_go, other, revised, refused, escalated = done
    assert [task["state"] for task in done] == [
        "completed", "completed", "completed", "failed", "completed", "completed", "failed",
        "completed",
    ]  # fmt: skip
    assert implementation["result"]["role"] == "integrator"
    assert review["result"]["decision"] == "approve"
    assert go["result"]["decision"] == "go"
    assert no_go["result"] is None
    assert no_go["error"].startswith("The integrator decided against the deployment")
    assert other["result"]["role"] == "implementer"
    assert revised["result"]["revisions"] == 1
    assert "after 3 revisions" in refused["error"]
    assert [one["escalated"] for one in (implementation, refused, escalated)] == [False, True, True]
    assert all(task["cost_usd"] > 0 for task in done)


def test_create_then_submit_gives_one_result(stack):
    """The integration guide's way: the submission with a context joins the task's first one."""
    task = stack.create({"delay_seconds": 0.3}, type="implementation")
    stack.submit(task["id"], "implementer", repository_state={"branch": "main"})
    (done,) = stack.wait_final(task)
    assert done["state"] == "completed"
    assert stack.events(task["id"]).count("task.completed") == 1


def test_a_submission_supersedes_a_running_one(stack):
    task = stack.create({"implementer": {"delay_seconds": 10}}, type="translation")
    stack.wait_running(task["submission_id"])
    newer = stack.submit(task["id"], "implementer", recent_changes=["one more"])
    assert newer != task["submission_id"]
    eventually(lambda: stack.calls(task["id"])[0][0] == "aborted", 10, "the old call is aborted")
    (done,) = stack.wait_final(task)
    assert done["state"] == "completed"
    assert done["submission_id"] == newer
    assert [call[0] for call in stack.calls(task["id"])] == ["aborted", "completed"]


def test_a_newer_task_of_the_same_key_supersedes_the_older(stack):
    older = stack.create({"delay_seconds": 30}, dedupe_key="pull/1")
    stack.wait_running(older["submission_id"])
    newer = stack.create(dedupe_key="pull/1")
    first, second = stack.wait_final(older, newer)
    assert (first["state"], first["error"]) == ("cancelled", f"superseded by {newer['id']}")
    assert second["state"] == "completed"


def test_a_deadline_fails_waiting_and_running_tasks(stack):
    with stack.frozen("integrator"):
        running = stack.create({"delay_seconds": 30}, type="translation", deadline_seconds=5)
        waiting = stack.create(type="deployment", deadline_seconds=1)
        done = stack.wait_final(running, waiting, seconds=25)
    for task in done:
        assert task["state"] == "failed"
        assert "The deadline passed" in task["error"]
    assert stack.calls(running["id"]) == [("aborted", 1, 1)]
    assert stack.calls(waiting["id"]) == []


def test_a_failed_call_is_tried_again_after_a_pause_or_told(stack):
    once, thrice, refused, invalid = stack.create_many([
        new_task({"error": "rate_limited"}, type="review"),
        new_task({"error": "rate_limited", "error_times": 6}, type="review"),
        new_task({"error": "content_refused"}, type="review"),
        new_task({"error": "invalid_output"}, type="review"),
    ])  # fmt: skip
    asked = eventually(
        lambda: stack.escalations(refused["id"]), 20, "a person is asked about the refusal"
    )
    stack.decide(asked[0]["id"], "reject")
    done = stack.wait_final(once, thrice, refused, invalid)
    assert [task["state"] for task in done] == ["completed", "failed", "failed", "completed"]
    assert done[1]["error"].startswith("The model call failed 3 times")
    assert "refused the content" in done[2]["error"]

    assert stack.calls(once["id"]) == [("failed", 1, 1), ("completed", 2, 1)]
    # Three on economy, three on premium.
    assert len(stack.calls(thrice["id"])) == 6
    assert stack.calls(refused["id"]) == [("failed", 1, 1)]
    assert stack.calls(invalid["id"]) == [("failed", 1, 1), ("completed", 1, 2)]
    pauses = stack.query(
        "SELECT extract(epoch FROM started_at - lag(ended_at) OVER (ORDER BY started_at))::float"
        " FROM model_calls WHERE task_id = %s AND tier = 'economy' ORDER BY started_at",
        thrice["id"],
    )
    # KYROS_RETRY_PAUSE_SECONDS is 1 here, and doubles. The two ends are two clock readings.
    assert pauses[1][0] > 0.9
    assert pauses[2][0] > 1.9


@pytest.mark.parametrize("seconds", [10, pytest.param(2, marks=pytest.mark.long)])
def test_a_cancelled_call_is_abandoned_within_two_seconds(stack, seconds):
    """On a machine that does nothing else; a busy one has ten."""
    task = stack.create({"delay_seconds": 60})
    stack.wait_running(task["submission_id"])
    answer = stack.http.post(f"/v1/tasks/{task['id']}/cancel")
    assert answer.status_code == 200
    abandoned = "SELECT 1 FROM model_calls WHERE task_id = %s AND latency_seconds IS NOT NULL"
    eventually(lambda: stack.query(abandoned, task["id"]), seconds, "the worker let go of the call")
    done = stack.task(task["id"])
    assert (done["status"], done["state"], done["cancelled"]) == ("failed", "cancelled", True)
    assert stack.calls(task["id"]) == [("aborted", 1, 1)]
    assert stack.events(task["id"])[-1] == "task.cancelled"


def test_hundreds_of_duplicate_messages_change_nothing(stack):
    with Celery(broker=stack.told["redis_url"]) as app:
        app.conf.broker_transport_options = {"priority_steps": [0, 1, 2, 3]}

        def flood(tasks):
            with app.connection_for_write() as connection:
                producer = app.amqp.Producer(connection)
                for submission_id in [task["submission_id"] for task in tasks] * 20:
                    app.send_task(
                        RUN_SUBMISSION,
                        args=(submission_id,),
                        queue="critic",
                        priority=2,
                        producer=producer,
                    )

        with stack.frozen("critic"):
            tasks = stack.create_many([new_task({"delay_seconds": 1}, type="review")] * 10)
            flood(tasks)
        stack.wait_running(tasks[0]["submission_id"])
        flood(tasks)
        stack.wait_final(*tasks)
        flood(tasks)
        # What is sent last is served last: once it is done, every duplicate has been looked at.
        stack.wait_final(stack.create(type="review", priority="low"))
    for task in tasks:
        assert stack.calls(task["id"]) == [("completed", 1, 1)]


def test_two_hundred_clients_wait_and_intake_goes_on(stack):
    watching = threading.Semaphore(0)

    def wait(task):
        watching.release()
        answer = stack.http.get(f"/v1/tasks/{task['id']}?wait=30")
        return answer.json()["data"]["state"]

    def stream(task):
        watching.release()
        with stack.http.stream("GET", f"/v1/tasks/{task['id']}/stream") as answer:
            return list(answer.iter_lines())[-3:]

    with ThreadPoolExecutor(200) as pool:
        with stack.frozen("critic"):
            tasks = stack.create_many([new_task(type="review")] * 20)
            waits = [pool.submit(wait, task) for task in tasks * 5]
            streams = [pool.submit(stream, task) for task in tasks * 5]
            for _ in range(200):
                watching.acquire()
            more = [stack.create() for _ in range(20)]
            still_watching = sum(not one.done() for one in waits)
        assert [one.result() for one in waits] == ["completed"] * 100
        assert all(one.result() == ["event: end", "data: {}", ""] for one in streams)
    assert still_watching == 100, "somebody waited no more while tasks came in"
    stack.wait_final(*more)


@pytest.mark.parametrize("seconds", [10, pytest.param(1, marks=pytest.mark.long)])
def test_what_is_committed_is_published_within_a_second(stack, seconds):
    """On a machine that does nothing else; always within ten."""
    created = []
    for _ in range(20):
        created += stack.create_many([new_task(type="review")] * 25)
    stack.wait_final(*created, seconds=60)
    # Times are of the row's creation, a little before its commit. What a worker claimed before the
    # dispatcher could note it was surely published.
    ((slowest, count),) = stack.query(
        "SELECT max(extract(epoch FROM least(published_at, started_at) - created_at))::float,"
        " count(*) FROM submissions WHERE id = ANY(%s)",
        [task["submission_id"] for task in created],
    )
    LOG.info("the slowest of %s was published after %.2f s", count, slowest)
    assert count == 500
    assert slowest < seconds


def test_people_ask_for_premium_and_decide_while_no_worker_waits(stack):
    task = stack.create({"implementer": {"delay_seconds": 2}})
    stack.wait_running(task["submission_id"])
    answer = stack.http.post("/v1/escalations", json={"task_id": task["id"], "reason": "It must."})
    assert answer.status_code == 201, answer.text
    escalation = answer.json()["data"]
    eventually(lambda: stack.task(task["id"])["state"] == "awaiting_approval", 20, "it is parked")
    waiting = "SELECT 1 FROM submissions WHERE task_id = %s AND state IN ('queued', 'running')"
    assert stack.query(waiting, task["id"]) == []
    stack.decide(escalation["id"], "approve")
    (done,) = stack.wait_final(task)
    assert (done["state"], done["escalated"]) == ("completed", True)
    (ended,) = stack.escalations(task["id"])
    assert ended["status"] == "completed"
    costs = stack.http.get("/v1/monitoring/costs?period=1h").json()["data"]
    assert costs["by_tier"]["premium"]["calls"] >= 1
