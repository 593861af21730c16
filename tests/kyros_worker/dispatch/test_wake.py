"""Naming endpoints that have something due, on a real queue."""

from types import SimpleNamespace

import pytest
from celery import Celery
from redis import Redis
from sqlalchemy import func, update

from kyros_worker.database import read, transaction
from kyros_worker.dispatch import wake
from kyros_worker.dispatch.wake import Waker
from kyros_worker.queue.names import WEBHOOKS
from kyros_worker.webhook.tables import Webhook
from tests import factories, webhooks
from tests.webhooks import no_webhooks

__all__ = ["no_webhooks"]

pytestmark = pytest.mark.usefixtures("no_webhooks")


@pytest.fixture
def clock(monkeypatch):
    """Its `at` is the time, in seconds."""
    clock = SimpleNamespace(at=1_000.0)
    monkeypatch.setattr(wake, "time", SimpleNamespace(monotonic=lambda: clock.at))
    return clock


@pytest.fixture
def broker(stores):
    with Redis.from_url(stores.redis_url) as redis:
        redis.delete(WEBHOOKS)
        yield redis
        redis.delete(WEBHOOKS)


@pytest.fixture
def named(broker, stores, clock):
    """How many endpoints a waker names after so many seconds."""
    app = Celery(broker=stores.redis_url, set_as_current=False)
    with app.connection_for_write() as connection:
        producer = app.amqp.Producer(connection)

        def named(waker, after=0.0):
            clock.at += after
            with read() as reading:
                return waker.wake(reading, broker, app, producer)

        yield named


def test_an_endpoint_with_something_due_is_named_once(named, broker):
    first, second = webhooks.webhook()["id"], webhooks.webhook()["id"]
    waker = Waker()
    assert named(waker) == 0
    factories.create()
    assert named(waker) == 2
    assert named(waker, after=0.9) == 0
    messages = b"".join(broker.lrange(WEBHOOKS, 0, -1)).decode()
    assert broker.llen(WEBHOOKS) == 2
    assert first in messages
    assert second in messages


def test_while_its_message_waits_the_pauses_double(named):
    webhooks.webhook()
    factories.create()
    waker, pauses = Waker(), []
    assert named(waker) == 1
    for _ in range(12):
        pause = 0
        while not named(waker, after=1):
            pause += 1
        pauses.append(pause + 1)
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_an_emptied_queue_is_named_again_after_a_second(named, broker):
    webhooks.webhook()
    factories.create()
    waker = Waker()
    named(waker)
    for pause in (1, 2, 4):
        assert named(waker, after=pause) == 1
    broker.delete(WEBHOOKS)
    assert named(waker, after=0.9) == 0
    assert named(waker, after=0.2) == 1


def test_another_dispatcher_names_it_too(named):
    webhooks.webhook()
    factories.create()
    assert named(Waker()) == 1
    assert named(Waker()) == 1


def test_what_has_nothing_due_is_forgotten(named):
    endpoint = webhooks.webhook()["id"]
    factories.create()
    waker = Waker()
    assert named(waker) == 1
    webhooks.deliver_all(endpoint)
    assert named(waker) == 0
    factories.create()
    assert named(waker) == 1


def test_a_retry_is_named_when_it_is_due(named):
    endpoint = webhooks.webhook()["id"]
    factories.create()
    webhooks.deliver_all(endpoint, status=500)
    waker = Waker()
    assert named(waker) == 0
    webhooks.make_due(endpoint)
    assert named(waker) == 1


@pytest.mark.parametrize("change", [{"enabled": False}, {"deleted_at": func.now()}])
def test_a_disabled_or_deleted_endpoint_is_not_named(named, change):
    webhooks.webhook()
    factories.create()
    with transaction() as connection:
        connection.execute(update(Webhook).values(change))
    assert named(Waker()) == 0
