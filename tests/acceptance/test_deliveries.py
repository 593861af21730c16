"""Webhooks of a running stack: nothing is lost, and one slow endpoint holds up no other."""

import os
import signal
import time
from contextlib import ExitStack
from statistics import median
from typing import Any

import pytest

from tests.acceptance.endpoints import EVENTS, endpoints
from tests.acceptance.stack import LOG, Deployment, new_task
from tests.eventually import eventually
from tests.receiver import (
    Receiver,
    answering_first,
    cutting_first,
    dripping_first,
    flapping,
    hanging_first,
)

ALWAYS = 1_000_000


def wait_for_all(receiver: Receiver, path: str, tasks: list[dict[str, Any]], seconds: float):
    """Every event of every task has come to a path, those of a task in their order."""
    wanted = {(task["id"], event) for task in tasks for event in EVENTS}

    def missing() -> int:
        return len(wanted - {(one.task_id, one.type) for one in list(receiver.taken[path])})

    eventually(lambda: not missing(), seconds, f"{path} has got everything")
    order = receiver.order(path)
    assert all(order[task["id"]] == EVENTS for task in tasks)


def tried_first(stack: Deployment, webhook_id: str) -> list[tuple[str, int | None, str | None]]:
    """State of an endpoint's deliveries, with the status and fault of their first attempts."""
    return stack.query(
        "SELECT state, status_code, error FROM deliveries"
        " LEFT JOIN delivery_attempts ON delivery_id = id AND number = 1 WHERE webhook_id = %s",
        webhook_id,
    )


@pytest.mark.long
@pytest.mark.timeout(600)
def test_faults_in_the_midst_of_ten_thousand_deliveries_lose_none(stack):
    """The fleet is killed, Redis emptied, Postgres restarted and killed, the fleet killed again."""
    receiver = Receiver({"/flaky": answering_first(503)})
    paths = ("/one", "/two", "/three", "/flaky")
    with receiver.listening(), endpoints(stack, receiver, *paths):
        tasks = stack.create_many([new_task(type="chore")] * 840)
        whole = 3 * len(EVENTS) * len(tasks)

        def come(share: float) -> None:
            eventually(
                lambda: sum(len(receiver.taken[path]) for path in paths[:3]) > share * whole,
                120,
                f"{share:.0%} have come",
            )

        come(0.1)
        stack.kill_group("webhooks")
        come(0.25)
        stack.redis().flushall()
        come(0.4)
        with stack.stopped("postgres"):
            time.sleep(3)
        come(0.55)
        os.kill(stack.pid("postgres"), signal.SIGKILL)
        come(0.7)
        stack.kill_group("webhooks")
        stack.redis().flushall()
        stack.wait_final(*tasks[-1:], seconds=120)
        for path in paths:
            wait_for_all(receiver, path, tasks, 180)
    assert receiver.forged == 0
    LOG.info("of %s deliveries to each endpoint came twice: %s", whole // 3, receiver.doubles())


@pytest.mark.long
@pytest.mark.timeout(600)
def test_hostile_endpoints_lose_nothing_and_hold_up_no_other(stack, tmp_path):
    """One is down for long, others flap, hang, drip, cut, redirect, ask for patience, or are gone.

    The schedule is shortened; the order holds since patience lasts longer than any of them.
    """
    config = tmp_path / "kyros.toml"
    config.write_text(
        "[webhooks]\nretry_seconds = [1, 2, 4]\ngive_up_seconds = 300\ntimeout_seconds = 3\n"
    )
    stack.down()
    stack.up(KYROS_CONFIG=str(config))
    receiver = Receiver(
        {
            "/flapping": flapping(500, 200, 0, 503, 200, 200),
            "/hanging": hanging_first,
            "/dripping": dripping_first,
            "/cut": cutting_first,
            "/moved": answering_first(301, Location="/good"),
            "/limited": answering_first(429, Retry_After="2"),
            "/gone": answering_first(410, ALWAYS),
        }
    )
    down = Receiver()
    with ExitStack() as running:
        running.enter_context(receiver.listening())
        running.enter_context(endpoints(stack, receiver, "/good"))
        alone = _stream(stack, 200)
        wait_for_all(receiver, "/good", alone, 60)
        latencies = [one.latency_seconds for one in receiver.taken["/good"]]
        made = running.enter_context(endpoints(stack, receiver, *receiver.ways))
        running.enter_context(endpoints(stack, down, "/down"))
        tasks = _stream(stack, 200)
        wait_for_all(receiver, "/good", tasks, 60)
        beside = [one.latency_seconds for one in receiver.taken["/good"][len(latencies) :]]
        LOG.info("median latency %.3f s alone, %.3f s beside", median(latencies), median(beside))
        running.enter_context(down.listening())
        wait_for_all(down, "/down", tasks, 120)
        for path in receiver.ways.keys() - {"/gone"}:
            wait_for_all(receiver, path, tasks, 180)
        first = {path: set(tried_first(stack, webhook_id)) for path, webhook_id in made.items()}
        gone = stack.http.get(f"/v1/webhooks/{made['/gone']}").json()["data"]
        log = stack.http.get(f"/v1/webhooks/{made['/gone']}/deliveries").json()["data"][
            "deliveries"
        ]
    assert (receiver.forged, down.forged) == (0, 0)
    assert (gone["enabled"], gone["disabled_reason"]) == (False, "it answered 410 Gone.")
    assert {one["status"] for one in log} == {"held"}
    assert first["/moved"] == {("delivered", 301, None)}
    assert first["/limited"] == {("delivered", 429, None)}
    assert first["/hanging"] == {("delivered", None, "No answer within 3 s.")}
    assert first["/dripping"] == {("delivered", None, "No answer within 3 s.")}
    assert {one[0] for one in first["/flapping"]} == {"delivered"}
    LOG.info("came twice: %s", receiver.doubles())


def _stream(stack: Deployment, count: int) -> list[dict[str, Any]]:
    """Tasks one after another, twenty a second at most, all of them final."""
    tasks = []
    for _ in range(count):
        tasks.append(stack.create(type="chore"))
        time.sleep(0.05)
    stack.wait_final(*tasks[-1:])
    return tasks


def test_the_test_event(stack):
    receiver = Receiver()
    with receiver.listening(), endpoints(stack, receiver, "/good") as made:
        sent = stack.http.post(f"/v1/webhooks/{made['/good']}/test", json={}).json()["data"]
        assert sent["body"] == '{"type":"test","data":{}}'

        def newest() -> dict[str, Any]:
            answer = stack.http.get(f"/v1/webhooks/{made['/good']}/deliveries?limit=1")
            return answer.json()["data"]["deliveries"][0]

        eventually(lambda: newest()["status"] == "delivered", 20, "the test event is delivered")
    assert [one.type for one in receiver.taken["/good"]] == ["test"]
    assert receiver.forged == 0
