import asyncio
import os
import threading
import time
from concurrent.futures import CancelledError, wait
from contextvars import ContextVar

import pytest

from kyros_worker import event_loop as loop


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Long enough for a busy machine, and half as long as the longest coroutine here."""
    monkeypatch.setattr(loop, "CANCEL_WAIT_SECONDS", 30)


async def answer(value):
    await asyncio.sleep(0)
    return value


def test_a_result_and_an_error_come_back():
    assert loop.run(answer(3)).result(20) == 3

    async def broken():
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        loop.run(broken()).result(20)


def test_all_threads_share_one_loop():
    async def which():
        return id(asyncio.get_running_loop()), threading.current_thread().name

    found = set()
    threads = [
        threading.Thread(target=lambda: found.add(loop.run(which()).result(20))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name for _, name in found} == {"models"}
    assert len(found) == 1


def test_cancelling_from_another_thread_ends_the_coroutine():
    begun, ended = threading.Event(), threading.Event()

    async def long():
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    running = loop.run(long())
    assert begun.wait(10)
    began = time.monotonic()
    cancelled = []
    canceller = threading.Thread(target=lambda: cancelled.append(running.cancel()))
    canceller.start()
    with pytest.raises(CancelledError):
        running.result(30)
    canceller.join()
    assert time.monotonic() - began < 30
    assert ended.is_set()
    assert cancelled == [True]
    assert running.cancelled()
    assert wait([running], timeout=20).done == {running}


def test_cancelling_at_once_ends_the_coroutine_before_it_works():
    worked = threading.Event()

    async def work():
        await asyncio.sleep(0)
        worked.set()

    for _ in range(50):
        loop.run(work()).cancel()
    running = loop.run(asyncio.sleep(60))
    assert running.cancel()


def test_cancelling_what_has_ended_keeps_its_result():
    running = loop.run(answer(7))
    assert running.result(20) == 7
    assert not running.cancel()
    assert running.result(0) == 7


def test_an_answer_that_came_despite_the_cancelling_is_kept():
    begun = threading.Event()

    async def finishing():
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "ready"

    running = loop.run(finishing())
    assert begun.wait(10)
    assert not running.cancel()
    assert running.result(20) == "ready"


def test_cancel_waits_only_shortly(monkeypatch):
    monkeypatch.setattr(loop, "CANCEL_WAIT_SECONDS", 0.05)

    begun, may_end = threading.Event(), threading.Event()

    async def stubborn():
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.to_thread(may_end.wait, 30)

    running = loop.run(stubborn())
    assert begun.wait(10)
    assert not running.cancel()
    assert not running.done()
    may_end.set()
    with pytest.raises(CancelledError):
        running.result(20)


def test_cancel_on_the_loops_own_thread_does_not_wait_for_itself():
    running = loop.run(asyncio.sleep(60))

    async def cancel_it():
        began = time.monotonic()
        running.cancel()
        return time.monotonic() - began

    assert loop.run(cancel_it()).result(20) < 10
    with pytest.raises(CancelledError):
        running.result(20)


def test_a_coroutine_sees_the_context_of_who_started_it():
    request = ContextVar("request", default="none")

    async def seen():
        return request.get()

    request.set("req_1")
    assert loop.run(seen()).result(20) == "req_1"


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_makes_a_loop_of_its_own():
    loop.run(answer(1)).result(20)
    child = os.fork()
    if child == 0:  # pragma: no cover - in the child
        try:
            os._exit(loop.run(answer(42)).result(20))
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 42
    assert loop.run(answer(2)).result(20) == 2
