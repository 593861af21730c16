"""Every event has its deliveries, written with it or not at all."""

import json

import pytest

from kyros_worker import database
from kyros_worker.audit.actor import Actor
from kyros_worker.bulk import Writes
from kyros_worker.clock import now
from kyros_worker.event.write import NewEvent
from kyros_worker.fleet.maintenance import change_maintenance
from kyros_worker.task.approve import (
    approve_escalation,
    reject_escalation,
    request_escalation,
)
from kyros_worker.task.cancel import cancel_task
from kyros_worker.task.change import lock_task, write_change
from kyros_worker.task.create import create_task
from kyros_worker.task.reopen import retry_task
from kyros_worker.task.submit import submit_task
from kyros_worker.webhook import endpoints
from kyros_worker.webhook.fan_out import Subscriber
from kyros_worker.webhook.system_event import write_system_event
from tests import factories, webhooks
from tests.factories import WHO


def types(webhook_id, *, sent=True):
    found = webhooks.deliveries(webhook_id)
    return [one.event_type for one in found if not sent or one.state != "overtaken"]


@pytest.mark.parametrize(("wanted", "told"), [
    (["*"], {"task.created", "task.started", "task.completed", "escalation.approved"}),
    (["task.*"], {"task.created", "task.started", "task.completed"}),
    (["task.created", "escalation.*"], {"task.created", "escalation.approved"}),
    (["system.*"], set()),
])  # fmt: skip
def test_who_wants_what(wanted, told):
    one = Subscriber("whk_1", "test", wanted)
    names = ("task.created", "task.started", "task.completed", "escalation.approved")
    assert {name for name in names if one.wants(name, "test")} == told
    assert not any(one.wants(name, "live") for name in names)
    assert one.wants("system.alert", None) == ("system.*" in wanted or "*" in wanted)


def test_a_whole_task_is_told_in_its_order():
    endpoint = webhooks.webhook()["id"]
    other = webhooks.webhook("task.completed")["id"]
    task_id = factories.create(title="é\u2028", metadata={"b": 1, "2": 1})["id"]
    factories.run(task_id)
    told = types(endpoint)
    assert told[:2] == ["task.created", "task.started"]
    assert told[-1] == "task.completed"
    assert "task.progress" not in told
    assert types(other) == ["task.completed"]
    claimed = webhooks.deliver_all(endpoint)
    assert [row["event_type"] for row in claimed] == told
    first = json.loads(claimed[0]["body"])
    assert list(first) == ["id", "type", "created_at", "data"]
    assert (first["id"], first["data"]["id"]) == (claimed[0]["event_id"], task_id)
    assert first["data"]["status"] == "pending"
    assert '"metadata":{"2":1,"b":1,' in claimed[0]["body"]
    last = json.loads(claimed[-1]["body"])
    assert (last["data"]["status"], last["data"]["title"]) == ("completed", "é\u2028")


def test_the_way_of_the_api_is_told_too():
    endpoint = webhooks.webhook("task.created")["id"]
    made = create_task(factories.new_task(), WHO, "req_1")
    told = webhooks.deliveries(endpoint)
    assert [(one.task_id, one.seq) for one in told] == [(made["id"], 1)]


def test_escalations_are_told_with_their_task():
    endpoint = webhooks.webhook("escalation.*")["id"]
    task_id = factories.in_state("awaiting_approval")
    body = json.loads(webhooks.claim(endpoint)[0]["body"])
    assert (body["type"], body["data"]["task_id"]) == ("escalation.requested", task_id)


def test_each_carries_the_request_whose_work_it_tells_of():
    endpoint = webhooks.webhook("*")["id"]
    (task,) = factories.create_all(factories.new_task(), request_id="req_first")
    with database.transaction() as connection:
        submit_task(connection, task["id"], "critic", {}, mode="test", request_id="req_second")
    with database.transaction() as connection:
        cancel_task(connection, task["id"], "test", request_id="req_third")
    with database.transaction() as connection:
        retry_task(connection, task["id"], "test", "req_fourth")
    told = [(one.event_type, one.request_id) for one in webhooks.deliveries(endpoint)]
    assert told == [
        ("task.created", "req_first"),
        ("task.progress", "req_second"),
        ("task.cancelled", "req_third"),
        ("task.progress", "req_fourth"),
    ]


@pytest.mark.parametrize("decide", [approve_escalation, reject_escalation])
def test_escalations_carry_the_requests_that_asked_and_decided(decide):
    endpoint = webhooks.webhook("*")["id"]
    (task,) = factories.create_all(factories.new_task(), request_id="req_first")
    with database.transaction() as connection:
        asked = request_escalation(
            connection, task["id"], factories.WHO, reason="It matters.", priority=None,
            request_id="req_second",
        )  # fmt: skip
    with database.transaction() as connection:
        by = Actor("key_1", request_id="req_third")
        decide(connection, asked["id"], factories.WHO, by, None)
    told = [(one.event_type, one.request_id) for one in webhooks.deliveries(endpoint)]
    assert told == [
        ("task.created", "req_first"),
        ("escalation.requested", "req_second"),
        ("task.progress", "req_second"),
        (f"escalation.{'approved' if decide is approve_escalation else 'rejected'}", "req_third"),
        ("task.progress", "req_third"),
    ]
    assert factories.submissions(task["id"])[-1].request_id == "req_third"


def test_what_a_person_does_to_the_system_carries_the_request():
    endpoint = webhooks.webhook("system.*")["id"]
    for enabled in (True, False):
        by = Actor("key_1", request_id="req_maintenance")
        with database.transaction() as connection:
            change_maintenance(connection, factories.WHO, by, enabled=enabled, message=None)
    with database.transaction() as connection:
        endpoints.send_test(connection, endpoint, "test", request_id="req_test")
    told = [(one.event_type, one.request_id) for one in webhooks.deliveries(endpoint)]
    assert told == [
        ("system.maintenance", "req_maintenance"),
        ("system.maintenance", "req_maintenance"),
        ("test", "req_test"),
    ]


def test_the_systems_events_follow_from_no_request():
    endpoint = webhooks.webhook("system.*")["id"]
    with database.transaction() as connection:
        writes = Writes()
        write_system_event(writes, NewEvent("system.alert", {}), now(), mode="test")
        writes.execute(connection)
    assert [one.request_id for one in webhooks.deliveries(endpoint)] == [None]


def test_what_is_rolled_back_is_not_told():
    endpoint = webhooks.webhook()["id"]
    task_id = factories.create()["id"]
    before = len(webhooks.deliveries(endpoint))
    with database.engine().connect() as connection:
        task = lock_task(connection, task_id)
        write_change(connection, task, now(), {}, ["task.started"])
        connection.rollback()
    assert len(webhooks.deliveries(endpoint)) == before


def test_internal_events_are_nobody_elses():
    endpoint = webhooks.webhook()["id"]
    task_id = factories.create()["id"]
    with database.transaction() as connection:
        task = lock_task(connection, task_id)
        write_change(connection, task, now(), {}, [NewEvent("submission.joined", {})])
    assert types(endpoint) == ["task.created"]


def test_progress_stands_for_a_while_and_is_overtaken():
    endpoint = webhooks.webhook("task.progress")["id"]
    task_id = factories.create()["id"]
    for _ in range(3):
        with database.transaction() as connection:
            task = lock_task(connection, task_id)
            write_change(connection, task, now(), {}, ["task.progress"])
    assert [one.state for one in webhooks.deliveries(endpoint)] == [
        "overtaken", "overtaken", "pending",
    ]  # fmt: skip
    assert webhooks.claim(endpoint) == []
    webhooks.make_due(endpoint)
    assert len(webhooks.claim(endpoint)) == 1


def test_a_large_task_is_cut():
    endpoint = webhooks.webhook("task.created")["id"]
    factories.create(description="\u2028x" * 70_000)
    body = webhooks.claim(endpoint)[0]["body"].encode()
    assert len(body) <= 100_000
    data = json.loads(body)["data"]
    assert data["truncated"] is True
    assert data["url"]
