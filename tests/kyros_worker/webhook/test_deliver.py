"""What a process of the fleet does, in this process: real Postgres, a real receiver."""

import asyncio
import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from standardwebhooks import Webhook as Verifier
from structlog.testing import capture_logs

from kyros_worker.audit.actor import SYSTEM
from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.event.tables import SystemEvent
from kyros_worker.settings import current
from kyros_worker.webhook import allowed, deliver, endpoints
from kyros_worker.webhook.deliver import Deliverer
from kyros_worker.webhook.schemas import NewWebhook
from kyros_worker.webhook.tables import Delivery, Webhook
from kyros_worker.webhook_times import WebhookTimes
from tests import factories, webhooks
from tests.eventually import eventually
from tests.factories import WHO
from tests.receiver import SECRET, Receiver, answering_first, taking

ALWAYS = 1_000_000


@pytest.fixture
def use(monkeypatch):
    """Settings of one test's own, and the times of its `[webhooks]`."""

    def use(networks="loopback", **times):
        changed = current().model_copy(update={"webhook_allowed_networks": networks})
        configuration = current().configuration
        webhook_times = WebhookTimes(**times)
        monkeypatch.setattr(allowed, "current", lambda: changed)
        monkeypatch.setattr(
            deliver,
            "current",
            lambda: changed.model_copy(
                update={
                    "configuration": configuration.model_copy(update={"webhooks": webhook_times})
                }
            ),
        )
        allowed.allowed.cache_clear()

    monkeypatch.setattr(deliver, "_LINGER_SECONDS", 0.2)
    use()
    yield use
    allowed.allowed.cache_clear()


@pytest.fixture
def deliverer(use):
    made = Deliverer()
    yield made
    made.stop()


@pytest.fixture
def receiving():
    """Makes a receiver that answers until the test ends."""
    running = []

    def receiving(ways=None, check=None):
        made = Receiver(ways, check)
        running.append(made.listening())
        running[-1].__enter__()
        return made

    yield receiving
    for one in running:
        one.__exit__(None, None, None)


class Thinking:
    """A way to answer: it has `begun`, and takes what came once it is told to go on."""

    def __init__(self):
        self.begun, self._goes_on = threading.Event(), asyncio.Event()

    async def __call__(self, number, writer):
        self.begun.set()
        await self._goes_on.wait()
        return await taking(number, writer)

    def go_on(self, receiver):
        receiver.loop.call_soon_threadsafe(self._goes_on.set)


def endpoint(receiver, path="/hook", **fields):
    new = NewWebhook(url=receiver.url(path), events=["task.created"], secret=SECRET, **fields)
    with transaction() as connection:
        return endpoints.create_webhook(connection, new, WHO, SYSTEM)["id"]


def states(webhook_id):
    return [row.state for row in webhooks.deliveries(webhook_id)]


def only(webhook_id):
    (delivery,) = webhooks.deliveries(webhook_id)
    return delivery


def test_all_that_is_due_is_delivered_and_the_message_ends(deliverer, receiving):
    receiver = receiving()
    webhook_id = endpoint(receiver)
    tasks = [factories.create()["id"] for _ in range(40)]
    deliverer.take(webhook_id).result(20)
    assert states(webhook_id) == ["delivered"] * 40
    assert {one.task_id for one in receiver.taken["/hook"]} == set(tasks)
    assert (len(receiver.taken["/hook"]), receiver.forged) == (40, 0)
    (attempt,) = webhooks.attempts(webhooks.deliveries(webhook_id)[0].id)
    assert (attempt.number, attempt.status_code, attempt.error) == (1, 200, None)
    assert attempt.duration_seconds > 0


def test_a_message_about_nothing_ends(deliverer, receiving):
    assert deliverer.take(endpoint(receiving())).result(20) == "nothing due"
    assert deliverer.take("whk_0000000000000").result(20) == "nothing due"


def test_a_delivery_is_one_line_and_carries_the_request_of_its_work(deliverer, receiving):
    seen = []
    receiver = receiving({"/hook": answering_first(500)}, lambda _, headers: seen.append(headers))
    webhook_id = endpoint(receiver)
    (task,) = factories.create_all(factories.new_task(title="CANARY"), request_id="req_mine")
    with capture_logs() as lines:
        assert deliverer.take(webhook_id).result(20) == "1 pending"
        webhooks.make_due(webhook_id)
        assert deliverer.take(webhook_id).result(20) == "1 delivered"
    assert [one["x-request-id"] for one in seen] == ["req_mine"] * 2
    first, second = lines
    assert (first["outcome"], first["status_code"], first["attempt"]) == ("pending", 500, 1)
    assert second.pop("duration_ms") > 0
    delivery = only(webhook_id)
    assert second == {
        "event": "delivery",
        "log_level": "info",
        "outcome": "delivered",
        "status_code": 200,
        "attempt": 2,
        "event_type": "task.created",
        "event_id": delivery.event_id,
        "delivery_id": delivery.id,
        "task_id": task["id"],
        "webhook_id": webhook_id,
        "request_id": "req_mine",
    }


def test_an_endpoint_that_hangs_takes_its_own_places_only(deliverer, receiving, use):
    use(timeout_seconds=60)
    thinking = Thinking()
    receiver = receiving({"/hanging": thinking})
    slow, quick = endpoint(receiver, "/hanging"), endpoint(receiver, "/quick")
    for _ in range(50):
        factories.create()
    waiting = [deliverer.take(slow), deliverer.take(quick)]
    eventually(lambda: states(quick) == ["delivered"] * 50, 20, "the quick one has all")
    at_work = states(slow)
    assert 0 < at_work.count("sending") <= 32
    assert at_work.count("pending") == 50 - at_work.count("sending")
    thinking.go_on(receiver)
    eventually(lambda: states(slow) == ["delivered"] * 50, 20, "the slow one has all")
    for one in waiting:
        one.result(20)


def test_when_many_hang_the_others_get_their_turn(deliverer, receiving, use, monkeypatch):
    use(timeout_seconds=60)
    monkeypatch.setattr(deliver, "_CROWDED", 20)
    monkeypatch.setattr(deliver, "_STOP_SECONDS", 0.3)

    async def hanging(*_):
        await asyncio.sleep(60)
        return False, False

    receiver = receiving({"/hanging": hanging})
    slow = [endpoint(receiver, "/hanging") for _ in range(3)]
    for _ in range(40):
        factories.create()
    for webhook_id in slow:
        deliverer.take(webhook_id)
    eventually(lambda: sum(states(one).count("sending") for one in slow) >= 20, 20, "many hang")
    quick = endpoint(receiver, "/quick")
    for _ in range(20):
        factories.create()
    deliverer.take(quick)
    eventually(lambda: states(quick) == ["delivered"] * 20, 20, "the quick one has all")
    # The last claim before 20 ran may have taken 16 of each; without the turn it would be 3 * 32.
    assert sum(states(one).count("sending") for one in slow) <= 19 + 3 * 16


@pytest.mark.parametrize("status", [301, 401, 404, 500, 503])
def test_a_refusal_is_tried_again(deliverer, receiving, status):
    receiver = receiving({"/hook": answering_first(status, Location="/elsewhere")})
    webhook_id = endpoint(receiver)
    factories.create()
    deliverer.take(webhook_id).result(20)
    delivery = only(webhook_id)
    assert (delivery.state, delivery.attempts) == ("pending", 1)
    assert timedelta(seconds=2) < delivery.due_at - now() < timedelta(seconds=6)
    webhooks.make_due(webhook_id)
    deliverer.take(webhook_id).result(20)
    first, second = webhooks.attempts(delivery.id)
    assert (first.status_code, second.status_code) == (status, 200)
    assert receiver.tried == {("/hook", delivery.event_id): 2}
    assert receiver.taken.keys() == {"/hook"}


def test_retry_after_is_kept_to_within_twice_the_step(deliverer, receiving):
    receiver = receiving({"/hook": answering_first(429, Retry_After="3600")})
    webhook_id = endpoint(receiver)
    factories.create()
    deliverer.take(webhook_id).result(20)
    (attempt,) = webhooks.attempts(only(webhook_id).id)
    ended = attempt.at + timedelta(seconds=attempt.duration_seconds)
    assert only(webhook_id).due_at - ended == timedelta(seconds=10)


def test_gone_disables_and_says_so_once(deliverer, receiving):
    receiver = receiving({"/hook": answering_first(410, ALWAYS)})
    webhook_id = endpoint(receiver)
    for _ in range(5):
        factories.create()
    deliverer.take(webhook_id).result(20)
    with read() as connection:
        enabled = connection.scalar(select(Webhook.enabled).where(Webhook.id == webhook_id))
        alerts = connection.execute(select(SystemEvent.data)).scalars().all()
    assert enabled is False
    assert [alert["webhook_id"] for alert in alerts] == [webhook_id]
    assert states(webhook_id) == ["pending"] * 5


def test_each_try_is_signed_with_the_secret_of_now(deliverer, receiving):
    seen = []

    def check(body, headers):
        seen.append((body, headers))

    receiver = receiving({"/hook": answering_first(500, 2)}, check)
    webhook_id = endpoint(receiver)
    factories.create()
    deliverer.take(webhook_id).result(20)
    with transaction() as connection:
        new = endpoints.rotate_secret(connection, webhook_id, WHO.mode, SYSTEM)["secret"]
    webhooks.make_due(webhook_id)
    deliverer.take(webhook_id).result(20)
    with transaction() as connection:
        endpoints.activate_secret(connection, webhook_id, WHO.mode, SYSTEM)
    webhooks.make_due(webhook_id)
    deliverer.take(webhook_id).result(20)
    assert states(webhook_id) == ["delivered"]
    (body, first), (_, both), (_, last) = seen
    assert {one for one, _ in seen} == {body}
    assert len({headers["webhook-id"] for _, headers in seen}) == 1
    assert first["x-kyros-signature"] == both["x-kyros-signature"] != last["x-kyros-signature"]
    assert [len(one["webhook-signature"].split(" ")) for one in (first, both, last)] == [1, 2, 1]
    stored = [one.headers for one in webhooks.attempts(only(webhook_id).id)]
    for headers, kept in zip((first, both, last), stored, strict=True):
        assert {name: headers[name.lower()] for name in kept} == kept
        assert {"X-Kyros-Signature", "webhook-signature", "webhook-timestamp"} <= kept.keys()
    for headers in (both, last):
        Verifier(new).verify(body.decode(), headers)


@pytest.mark.parametrize(
    ("networks", "answer"),
    [("loopback", "(The answer of a private address"), ("127.0.0.0/8", "secret inside")],
)
def test_what_a_private_address_answers_is_shown_only_where_it_is_named(
    deliverer, receiving, use, networks, answer
):
    use(networks)

    async def telling(_, writer):
        writer.write(b"HTTP/1.1 500 No\r\nContent-Length: 13\r\n\r\nsecret inside")
        await writer.drain()
        return False, True

    webhook_id = endpoint(receiving({"/hook": telling}))
    factories.create()
    deliverer.take(webhook_id).result(20)
    (attempt,) = webhooks.attempts(only(webhook_id).id)
    assert attempt.answer.startswith(answer)


def test_a_refused_address_is_told_and_tried_again(deliverer, receiving, use):
    receiver = receiving()
    webhook_id = endpoint(receiver)
    use(None)
    factories.create()
    deliverer.take(webhook_id).result(20)
    (attempt,) = webhooks.attempts(only(webhook_id).id)
    assert "KYROS_WEBHOOK_ALLOWED_NETWORKS" in attempt.error
    assert not receiver.tried


def test_a_secret_of_another_key_is_told_and_stops_nothing_else(deliverer, receiving):
    receiver = receiving()
    broken, whole = endpoint(receiver, "/broken"), endpoint(receiver, "/whole")
    with transaction() as connection:
        connection.execute(
            text("UPDATE webhooks SET secret = 'no longer readable' WHERE id = :id"), {"id": broken}
        )
    factories.create()
    for one in (deliverer.take(broken), deliverer.take(whole)):
        one.result(20)
    assert states(whole) == ["delivered"]
    (attempt,) = webhooks.attempts(only(broken).id)
    assert (only(broken).state, attempt.status_code) == ("pending", None)
    assert "could not be sent" in attempt.error


def test_what_is_being_sent_at_a_stop_is_given_back(receiving, use, monkeypatch):
    use(timeout_seconds=60)
    monkeypatch.setattr(deliver, "_STOP_SECONDS", 0.3)
    hung = threading.Event()

    async def hanging_first(number, writer):
        if number > 1:
            return await taking(number, writer)
        hung.set()
        await asyncio.sleep(60)
        return False, False

    receiver = receiving({"/hook": hanging_first})
    webhook_id = endpoint(receiver)
    factories.create()
    stopped = Deliverer()
    message = stopped.take(webhook_id)
    assert hung.wait(20)
    stopped.stop()
    assert message.done()
    delivery = only(webhook_id)
    assert (delivery.state, delivery.attempts) == ("pending", 0)
    assert delivery.due_at <= now()
    assert stopped.take(webhook_id).done()
    assert states(webhook_id) == ["pending"]
    another = Deliverer()
    another.take(webhook_id).result(20)
    another.stop()
    assert states(webhook_id) == ["delivered"]
    assert receiver.tried == {("/hook", delivery.event_id): 2}


def test_what_ends_soon_is_recorded_before_a_stop(receiving, use):
    thinking = Thinking()
    receiver = receiving({"/hook": thinking})
    webhook_id = endpoint(receiver)
    factories.create()
    stopping = Deliverer()
    stopping.take(webhook_id)
    assert thinking.begun.wait(20)
    thread = threading.Thread(target=stopping.stop)
    thread.start()
    thinking.go_on(receiver)
    thread.join(20)
    assert states(webhook_id) == ["delivered"]


def test_an_attempt_whose_record_is_cut_is_recorded_again(deliverer, receiving):
    thinking = Thinking()
    receiver = receiving({"/hook": thinking})
    webhook_id = endpoint(receiver)
    factories.create()
    deliverer.take(webhook_id)
    assert thinking.begun.wait(20)
    with transaction() as connection:
        connection.execute(select(Delivery.id).with_for_update())
        thinking.go_on(receiver)
        eventually(lambda: connection.execute(CUT_WHO_WAITS).all(), 20, "it waits, and is cut off")
    eventually(lambda: states(webhook_id) == ["delivered"], 20, "it is delivered")
    assert len(webhooks.attempts(only(webhook_id).id)) == 1
    assert receiver.tried.total() == 1


CUT_WHO_WAITS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def test_a_lost_claim_decides_nothing_unless_it_succeeded(deliverer, receiving, use):
    """The lease runs out while the endpoint thinks; somebody else's try fails meanwhile."""
    use(timeout_seconds=60)
    thinking = Thinking()
    receiver = receiving({"/hook": thinking})
    webhook_id = endpoint(receiver)
    factories.create()
    deliverer.take(webhook_id)
    assert thinking.begun.wait(20)
    (other,) = webhooks.take_over(webhook_id)
    webhooks.record(webhooks.attempted(other, 500))
    assert states(webhook_id) == ["pending"]
    thinking.go_on(receiver)
    eventually(lambda: states(webhook_id) == ["delivered"], 20, "it is delivered")
    assert [one.status_code for one in webhooks.attempts(only(webhook_id).id)] == [500, 200]
