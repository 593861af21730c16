"""The whole stack ended, by kill -9 and in order, and started again."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.acceptance.stack import LOG, new_task
from tests.eventually import eventually

DOWN_SECONDS = 15


@pytest.mark.long
def test_killing_everything_loses_no_accepted_task(stack):
    accepted = []
    enough = threading.Event()

    def create(_):
        try:
            answer = stack.http.post("/v1/tasks", json=new_task({"delay_seconds": 0.5}))
        except httpx.TransportError:
            return
        if answer.status_code == 201:
            accepted.append(answer.json()["data"])
            if len(accepted) >= 30:
                enough.set()

    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(create, one) for one in range(60)]
        assert enough.wait(30)
        stack.kill_everything()
        assert all(one.exception() is None for one in sent)
    assert len(accepted) < 60, "the kill came too late to meet any task that was coming in"
    began = time.monotonic()
    stack.up()
    up = time.monotonic()
    done = stack.wait_final(*accepted, seconds=90)
    LOG.info(
        f"{len(accepted)} accepted; up in {up - began:.1f} s,"
        f" all final {time.monotonic() - up:.1f} s later"
    )
    assert {task["state"] for task in done} == {"completed"}
    # A commit whose answer was cut off counts too.
    eventually(stack.all_final, 60, "all work is done")


@pytest.mark.long
def test_down_in_time_then_one_slot_serves_the_urgent_first(stack):
    calling = stack.create_many([new_task({"delay_seconds": 3}, type="translation")] * 3)
    for task in calling:
        stack.wait_running(task["submission_id"])
    began = time.monotonic()
    stack.down()
    took = time.monotonic() - began
    LOG.info(f"down in {took:.1f} s")
    assert took < DOWN_SECONDS
    assert stack.processes() == []

    stack.up(KYROS_WORKER_CONCURRENCY="1")
    done = stack.wait_final(*calling, seconds=60)
    assert {task["state"] for task in done} == {"completed"}
    for task in calling:
        assert stack.calls(task["id"]) == [("aborted", 1, 1), ("completed", 2, 1)]
    _urgent_first(stack)


def _urgent_first(stack):
    busy = stack.create({"delay_seconds": 2}, type="review")
    stack.wait_running(busy["submission_id"])
    sent = [
        stack.create(type="review", priority=priority)
        for priority in ("low", "low", "medium", "high", "critical")
    ]
    stack.wait_final(busy, *sent)
    started = stack.query(
        "SELECT tasks.priority FROM submissions JOIN tasks ON tasks.id = task_id"
        " WHERE submissions.id = ANY(%s) ORDER BY submissions.started_at",
        [task["submission_id"] for task in sent],
    )
    assert [row[0] for row in started] == ["critical", "high", "medium", "low", "low"]
