"""Noticing that a message is nowhere."""

from datetime import timedelta

import pytest
from sqlalchemy import func

from kyros_worker.dispatch import lost_messages
from kyros_worker.submission.tables import Submission
from tests import factories
from tests.publishing import Broker, make, publish


@pytest.fixture
def published(no_tasks):
    """Submissions that were published a while ago, and whose messages are nowhere."""
    made = make(2)
    publish(Broker())
    for one in made:
        factories.change(Submission, one, published_at=func.now() - timedelta(seconds=6))
    return sorted(made)


def published_again():
    broker = Broker()
    publish(broker)
    return sorted(one for one, _ in broker.sent)


def test_what_nobody_has_is_published_again_once(published, redis):
    lost_messages.check(redis)
    assert published_again() == published
    lost_messages.check(redis)
    assert published_again() == []


@pytest.mark.parametrize("key", ["implementer", "implementer\x06\x162"])
def test_a_queue_with_messages_may_be_a_backlog(published, redis, key):
    redis.lpush(key, "a message")
    lost_messages.check(redis)
    assert published_again() == []


def test_what_was_just_published_is_on_its_way(published, redis):
    factories.change(Submission, published[0], published_at=func.now())
    lost_messages.check(redis)
    assert published_again() == published[1:]


def test_what_runs_or_waits_for_its_time_is_left_alone(published, redis):
    factories.begin(published[0])
    later = func.now() + timedelta(minutes=1)
    factories.change(Submission, published[1], published=0, due_at=later, publish_at=later)
    lost_messages.check(redis)
    assert published_again() == []
