"""Several minutes of random faults under a stream of tasks; then everything must hold."""

import os
import random
import signal
import threading
import time
from contextlib import suppress

import httpx
import psutil
import pytest
import redis

from kyros_worker.command.supervise import Gone
from tests.acceptance.conftest import make_whole
from tests.acceptance.stack import LOG, new_task
from tests.eventually import eventually

TASKS = 300
CHAOS_SECONDS = 180
PROCESSES = ("api", "dispatch", "implementer", "critic", "integrator", "flower")
ERRORS = ("rate_limited", "server_error", "timeout", "invalid_output")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2])
def test_random_faults_lose_and_repeat_nothing(stack, seed):
    chance = random.Random(seed)
    ended = threading.Event()
    thread = threading.Thread(target=_break_things, args=(stack, random.Random(seed), ended))
    thread.start()
    accepted = []
    try:
        while len(accepted) < TASKS:
            accepted += _create(stack, chance)
            time.sleep(CHAOS_SECONDS / TASKS)
    finally:
        ended.set()
        thread.join()
    make_whole(stack)
    stack.wait_final(*accepted, seconds=180)
    eventually(stack.all_final, 120, "all work is done")
    failed = stack.query(
        "SELECT error, count(*) FROM tasks WHERE id = ANY(%s) AND state <> 'completed' GROUP BY 1",
        [task["id"] for task in accepted],
    )
    assert not failed


def _create(stack, chance):
    """One task, accepted or not: the API may be down."""
    sandbox = {"delay_seconds": round(chance.uniform(0, 2), 1)}
    if chance.random() < 0.2:
        sandbox["error"] = chance.choice(ERRORS)
    elif chance.random() < 0.2:
        # Premium takes over.
        sandbox["economy"] = {"confidence": 0.2}
    kind = chance.choice(["implementation", "implementation", "review", "deployment", "other"])
    try:
        answer = stack.http.post("/v1/tasks", json=new_task(sandbox, type=kind))
    except httpx.TransportError:
        return []
    assert answer.status_code in (201, 503), answer.text
    return [answer.json()["data"]] if answer.status_code == 201 else []


def _break_things(stack, chance, ended):
    faults = [_kill_a_group, _kill_a_process, _freeze, _flush, _restart_a_store, _kill_a_store]
    while not ended.is_set():
        fault = chance.choice(faults)
        LOG.info("%s", fault.__name__)
        # What is to be broken may be broken already.
        with suppress(OSError, psutil.Error, redis.RedisError, Gone, AssertionError):
            fault(stack, chance)
        ended.wait(chance.uniform(1, 8))


def _kill_a_group(stack, chance):
    stack.kill_group(chance.choice(PROCESSES))


def _kill_a_process(stack, chance):
    supervisord = stack.told["supervisor_pid"]
    chance.choice([one for one in stack.processes() if one.pid != supervisord]).kill()


def _freeze(stack, chance):
    with stack.frozen(chance.choice(PROCESSES)):
        time.sleep(chance.choice([1, 5, 17]))


def _flush(stack, chance):
    stack.redis().flushall()


def _restart_a_store(stack, chance):
    with stack.stopped(chance.choice(["postgres", "redis"])):
        time.sleep(chance.uniform(0, 5))


def _kill_a_store(stack, chance):
    os.killpg(stack.pid(chance.choice(["postgres", "redis"])), signal.SIGKILL)
