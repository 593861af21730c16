"""A Redis that is emptied, away or hanging: it is transport only, and work goes on without loss."""

import time

import pytest

from tests.acceptance.stack import LOG, new_task
from tests.eventually import eventually

#: Design, law 2: work waits no longer once Redis is back.
BACK_SECONDS = 10
#: How long Redis is away here.
AWAY_SECONDS = 20
ONE_OF_EACH_ROLE = ("translation", "review", "deployment")


def test_emptying_redis_loses_no_work(stack):
    tasks = stack.create_many([new_task({"delay_seconds": 0.7})] * 50)
    stack.wait_running(tasks[0]["submission_id"])
    for _ in range(3):
        stack.redis().flushall()
        time.sleep(0.5)
    done = stack.wait_final(*tasks, seconds=60)
    assert {task["state"] for task in done} == {"completed"}


@pytest.mark.parametrize("away", ["stopped", "frozen"])
def test_work_goes_on_when_redis_is_back(stack, away):
    waiting = stack.create_many([new_task({"delay_seconds": 2})] * 3)
    stack.wait_running(waiting[0]["submission_id"])
    came_in = []
    with getattr(stack, away)("redis"):
        until = time.monotonic() + AWAY_SECONDS
        while time.monotonic() < until:
            # `create` asserts the 201.
            came_in += [stack.create(type=kind) for kind in ONE_OF_EACH_ROLE]
            time.sleep(1)
    began = time.monotonic()
    came_in += [stack.create(type=kind) for kind in ONE_OF_EACH_ROLE]
    ids = [task["submission_id"] for task in came_in]
    late = "SELECT role, count(*) FROM submissions WHERE id = ANY(%s) AND claim = 0 GROUP BY 1"

    def taken():
        left = stack.query(late, ids)
        return not left

    eventually(taken, BACK_SECONDS, "all that came in meanwhile has been taken up")
    LOG.info(f"{away}: everything taken up {time.monotonic() - began:.1f} s after Redis was back")
    done = stack.wait_final(*waiting, *came_in)
    assert {task["state"] for task in done} == {"completed"}
