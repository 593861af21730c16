"""Claims are leases, what failed is tried again in its time, and a task's order is kept."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import select, text

from kyros_worker.audit.actor import SYSTEM
from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.event.tables import SystemEvent
from kyros_worker.task.cancel import cancel_task
from kyros_worker.webhook import endpoints
from kyros_worker.webhook.claim import claim_deliveries
from kyros_worker.webhook.record import record_attempts
from kyros_worker.webhook.schemas import ChangedWebhook
from kyros_worker.webhook_times import WebhookTimes
from tests import factories, webhooks
from tests.eventually import eventually
from tests.locks import wait_until_it_waits

QUICK = WebhookTimes(retry_seconds=(10, 100), give_up_seconds=300)


def told(count=1, *events, **fields):
    """An endpoint with so many tasks created for it."""
    endpoint = webhooks.webhook(*(events or ("task.created",)), **fields)["id"]
    for _ in range(count):
        factories.create()
    return endpoint


def alerts():
    with read() as connection:
        return connection.execute(select(SystemEvent.data)).scalars().all()


def test_a_claimed_delivery_is_nobody_elses_until_its_lease_ends():
    endpoint = told()
    (row,) = webhooks.claim(endpoint)
    assert webhooks.claim(endpoint) == []
    webhooks.make_due(endpoint)
    (again,) = webhooks.claim(endpoint)
    assert (again["id"], again["claim"]) == (row["id"], row["claim"] + 1)


def test_many_claimers_share_without_overlap():
    endpoint = told(60)
    with ThreadPoolExecutor(6) as threads:
        claimed = list(threads.map(lambda _: webhooks.claim(endpoint, most=7), range(12)))
    ids = [row["id"] for rows in claimed for row in rows]
    assert len(ids) == len(set(ids)) >= 42


def test_success_is_recorded_with_its_attempt():
    endpoint = told()
    (row,) = webhooks.claim(endpoint)
    webhooks.record(webhooks.attempted(row, 204, answer="thanks"))
    (delivery,) = webhooks.deliveries(endpoint)
    assert (delivery.state, delivery.attempts) == ("delivered", 1)
    (attempt,) = webhooks.attempts(delivery.id)
    assert (attempt.status_code, attempt.answer, attempt.number) == (204, "thanks", 1)
    webhooks.make_due(endpoint)
    assert webhooks.claim(endpoint) == []


def test_a_failure_waits_for_the_schedule_and_goes_after_first_tries():
    endpoint = told()
    (row,) = webhooks.claim(endpoint)
    webhooks.record(webhooks.attempted(row, 500), times=QUICK)
    (delivery,) = webhooks.deliveries(endpoint)
    assert delivery.state == "pending"
    pause = (delivery.due_at - webhooks.attempts(delivery.id)[0].at).total_seconds() - 0.1
    assert 8 <= pause <= 12
    assert webhooks.claim(endpoint) == []
    webhooks.make_due(endpoint)
    factories.create()
    (first,) = webhooks.claim(endpoint, most=1)
    assert first["id"] != row["id"]
    (second,) = webhooks.claim(endpoint, most=1)
    assert second["id"] == row["id"]


def test_after_the_last_try_it_is_exhausted_and_its_endpoint_disabled_once():
    endpoint = told(2)
    first, second = webhooks.claim(endpoint)
    late = now() + timedelta(seconds=400)
    webhooks.record(
        webhooks.attempted(first, None, error="No.", at=late),
        webhooks.attempted(second, 500, at=late),
        times=QUICK,
    )
    assert [one.state for one in webhooks.deliveries(endpoint)][:2] == ["exhausted"] * 2
    (alert,) = alerts()
    assert (alert["kind"], alert["webhook_id"]) == ("webhook_disabled", endpoint)
    # A URL may hold a secret, which not everybody who sees alerts may know.
    assert alert["host"] == "example.com"
    assert "/hook" not in json.dumps(alert)
    with read() as connection:
        assert not endpoints.find_webhook(connection, endpoint, "test")["enabled"]


def test_gone_disables_at_once_and_what_is_held_goes_out_later():
    endpoint = told(1, "*")
    (row,) = webhooks.claim(endpoint)
    webhooks.record(webhooks.attempted(row, 410))
    webhooks.make_due(endpoint)
    factories.create()
    assert webhooks.claim(endpoint) == []
    with transaction() as connection:
        changed = ChangedWebhook(enabled=True)
        endpoints.change_webhook(connection, endpoint, changed, "test", SYSTEM)
    sent = [row["event_type"] for row in webhooks.deliver_all(endpoint)]
    assert sorted(sent) == ["system.alert", "system.alert", "task.created", "task.created"]


def test_a_stale_failure_decides_nothing_but_a_stale_success_does():
    endpoint = told()
    (old,) = webhooks.claim(endpoint)
    webhooks.make_due(endpoint)
    (new,) = webhooks.claim(endpoint)
    webhooks.record(webhooks.attempted(old, 410))
    assert webhooks.deliveries(endpoint)[0].state == "sending"
    webhooks.record(webhooks.attempted(old, 200))
    webhooks.record(webhooks.attempted(new, 500))
    (delivery,) = webhooks.deliveries(endpoint)
    assert (delivery.state, delivery.attempts) == ("delivered", 3)


def test_a_later_one_of_the_task_waits_for_the_earlier():
    endpoint = webhooks.webhook("task.created", "task.cancelled")["id"]
    task_id = factories.in_state("cancelled")
    other = factories.create()["id"]
    claimed = {row["event_type"]: row for row in webhooks.claim(endpoint)}
    assert list(claimed) == ["task.created"]
    by_task = {json.loads(row["body"])["data"]["id"] for row in webhooks.claim(endpoint)}
    assert by_task == set()
    pending = webhooks.deliveries(endpoint)
    assert {one.task_id for one in pending if one.state == "sending"} == {task_id, other}
    for one in pending:
        if one.state == "sending":
            row = {"id": one.id, "claim": one.claim}
            webhooks.record(webhooks.attempted(row, 500 if one.task_id == task_id else 200))
    assert webhooks.claim(endpoint) == []
    webhooks.make_due(endpoint)
    (again,) = webhooks.claim(endpoint)
    assert again["event_type"] == "task.created"
    webhooks.record(webhooks.attempted(again))
    (last,) = webhooks.claim(endpoint)
    assert last["event_type"] == "task.cancelled"


def test_whoever_finds_it_blocked_while_the_earlier_is_recorded_is_told():
    """Both at once: the claim does not see the record yet, nor the record what the claim writes."""
    endpoint = webhooks.webhook("task.created", "task.cancelled")["id"]
    factories.in_state("cancelled")
    (created,) = webhooks.claim(endpoint)
    with transaction() as connection:
        due = "UPDATE deliveries SET due_at = now() - interval '1 s' WHERE state = 'pending'"
        connection.execute(text(due))
    with ThreadPoolExecutor(1) as threads:
        with transaction() as connection:
            times = {"lease_seconds": 30, "order_seconds": 600}
            assert claim_deliveries(connection, (endpoint,), 100, **times) == []
            recorded = threads.submit(webhooks.record, webhooks.attempted(created))
            wait_until_it_waits(recorded)
        recorded.result(timeout=20)
    assert [row["event_type"] for row in webhooks.claim(endpoint)] == ["task.cancelled"]


def test_what_is_written_while_the_earlier_is_recorded_is_soon_looked_at_again():
    """The record does not see it yet, and the claim that does see it not the record."""
    endpoint = webhooks.webhook("task.created", "task.cancelled")["id"]
    task_id = factories.create()["id"]
    (created,) = webhooks.claim(endpoint)
    with transaction() as recording:
        record_attempts(recording, [webhooks.attempted(created)], webhooks.TIMES)
        with transaction() as connection:
            cancel_task(connection, task_id, "test")
        assert webhooks.claim(endpoint) == []
    (row,) = eventually(lambda: webhooks.claim(endpoint), 20, "it is looked at again")
    assert row["event_type"] == "task.cancelled"


def test_it_does_not_wait_for_ever():
    endpoint = webhooks.webhook("task.created", "task.cancelled")["id"]
    factories.in_state("cancelled")
    assert [row["event_type"] for row in webhooks.claim(endpoint)] == ["task.created"]
    with transaction() as connection:
        age = text("UPDATE deliveries SET created_at = created_at - interval '11 minutes',"
                   " due_at = due_at - interval '1 hour' WHERE state = 'pending'")  # fmt: skip
        connection.execute(age)
    assert [row["event_type"] for row in webhooks.claim(endpoint)] == ["task.cancelled"]


def test_what_waits_for_a_retry_does_not_hold_it_up():
    endpoint = webhooks.webhook("task.created", "task.cancelled")["id"]
    for _ in range(3):
        factories.in_state("cancelled")
    first = webhooks.claim(endpoint)
    assert {row["event_type"] for row in first} == {"task.created"}
    webhooks.record(*(webhooks.attempted(row, 500) for row in first))
    webhooks.make_due(endpoint)
    again = webhooks.claim(endpoint, most=2)
    assert [row["event_type"] for row in again] == ["task.created"] * 2


def test_redelivery_and_replay_keep_the_event():
    endpoint = told(3)
    first = webhooks.deliver_all(endpoint)
    with transaction() as connection:
        shown = endpoints.redeliver(connection, endpoint, first[0]["id"], "test")
    assert shown["status"] == "pending"
    assert [row["event_id"] for row in webhooks.deliver_all(endpoint)] == [first[0]["event_id"]]
    with transaction() as connection:
        since = now() - timedelta(hours=1)
        assert endpoints.replay(connection, endpoint, since, "test", SYSTEM)["deliveries"] == 3
    again = webhooks.deliver_all(endpoint)
    assert {row["event_id"] for row in again} == {row["event_id"] for row in first}
    assert [row["number"] for row in map(dict, _numbers(first[0]["id"]))] == [1, 2, 3]


def _numbers(delivery_id):
    return [{"number": one.number} for one in webhooks.attempts(delivery_id)]
