"""Noticing what Redis lost."""

from datetime import timedelta

import pytest
from redis import RedisError
from sqlalchemy import func

from kyros_worker.dispatch import publish_again, sentinel
from kyros_worker.submission.tables import Submission
from tests import factories
from tests.publishing import Broker, make, publish


class Restarted:
    """The same Redis, as it is after another start."""

    def __init__(self, redis):
        self._redis = redis

    def info(self, section):
        return {"run_id": "another"}

    def __getattr__(self, name):
        return getattr(self._redis, name)


@pytest.fixture
def published(no_tasks, redis):
    """Submissions that were published, and a sentinel that says so."""
    made = make(3)
    publish(Broker())
    sentinel.check(redis)
    for one in made:
        factories.change(Submission, one, published=1, publish_at=func.now() + timedelta(hours=1))
    return sorted(made)


def published_again():
    broker = Broker()
    publish(broker)
    return [one for one, _ in broker.sent]


def test_unchanged(published, redis):
    for _ in range(3):
        sentinel.check(redis)
    assert published_again() == []


def test_emptied(published, redis):
    factories.change(Submission, published[0], published_at=func.now() - timedelta(days=1))
    redis.flushdb()
    sentinel.check(redis)
    assert published_again() == published
    sentinel.check(redis)
    assert published_again() == []


def test_started_again(published, redis):
    """Only what was published shortly before can be lost."""
    old = func.now() - timedelta(seconds=60)
    factories.change(Submission, published[0], published_at=old)
    sentinel.check(Restarted(redis))
    assert published_again() == published[1:]
    sentinel.check(Restarted(redis))
    assert published_again() == []


def test_what_is_not_queued_is_left_alone(published, redis):
    factories.begin(published[0])
    factories.change(Submission, published[1], state="completed")
    redis.flushdb()
    sentinel.check(redis)
    assert published_again() == published[2:]


def test_what_waits_for_its_time_keeps_it(no_tasks, redis):
    task_id = factories.in_state("waiting")
    before = factories.row(Submission, factories.current_submission(task_id))
    sentinel.check(redis)
    assert factories.row(Submission, before.id) == before


def test_more_than_one_part(no_tasks, redis, monkeypatch):
    monkeypatch.setattr(publish_again, "_AT_ONCE", 2)
    made = make(5)
    publish(Broker())
    sentinel.check(redis)
    assert published_again() == sorted(made)


def test_who_dies_before_the_sentinel_is_written_repeats_it(published, redis, monkeypatch):
    redis.flushdb()

    def gone(*_):
        raise RedisError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(redis, "set", gone)
        with pytest.raises(RedisError):
            sentinel.check(redis)
    assert published_again() == published
    sentinel.check(redis)
    assert published_again() == published
