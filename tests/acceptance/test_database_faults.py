"""A Postgres that is restarted or killed under running work."""

import os
import signal
import threading
import time
from collections import Counter
from contextlib import contextmanager

import httpx

from tests.acceptance.stack import LOG, new_task
from tests.eventually import eventually


@contextmanager
def asking(stack):
    """Within, asks the API all the time, and gives how it answers."""
    seen = Counter()
    faults = []
    ended = threading.Event()

    def ask(method, path, **body):
        answer = stack.http.request(method, path, **body)
        seen[answer.status_code] += 1
        if answer.status_code == 503 and not answer.headers.get("Retry-After"):
            faults.append("a 503 without Retry-After")
        if answer.status_code not in (200, 201, 503):
            faults.append(answer.text)

    def go_on():
        while not ended.is_set():
            try:
                ask("GET", "/v1/tasks?limit=1")
                ask("POST", "/v1/tasks", json=new_task(type="review"))
            except httpx.TransportError as error:
                faults.append(repr(error))
            time.sleep(0.1)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()
    assert not faults, faults


def answers(stack):
    return stack.http.get("/readyz").status_code == 200


def test_answers_survive_a_restart_of_postgres(stack):
    """Each model call ends while Postgres is away; none has to be made again."""
    tasks = stack.create_many([new_task({"delay_seconds": 3}, type="review")] * 20)
    for task in tasks:
        stack.wait_running(task["submission_id"])
    with asking(stack) as seen:
        with stack.stopped("postgres"):
            time.sleep(4)
        eventually(lambda: answers(stack), 60, "the API answers again")
        done = stack.wait_final(*tasks)
    assert seen[503] > 0
    assert {task["state"] for task in done} == {"completed"}
    for task in tasks:
        assert stack.calls(task["id"]) == [("completed", 1, 1)]
    eventually(stack.all_final, 30, "what came in beside it is final")


def test_work_survives_a_killed_postgres(stack):
    tasks = stack.create_many([new_task({"delay_seconds": 1})] * 20)
    stack.wait_running(tasks[0]["submission_id"])
    with asking(stack):
        # The postmaster alone: its children notice, and end by themselves.
        os.kill(stack.pid("postgres"), signal.SIGKILL)
        began = time.monotonic()
        time.sleep(0.5)
        eventually(lambda: answers(stack), 60, "the API answers again")
        LOG.info(f"the API answered again after {time.monotonic() - began:.1f} s")
    done = stack.wait_final(*tasks, seconds=60)
    assert {task["state"] for task in done} == {"completed"}
    eventually(stack.all_final, 30, "what came in beside it is final")
