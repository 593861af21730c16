"""Publishing: a message for every submission that is due, again when it may be lost."""

from datetime import timedelta

import pytest
from kombu.exceptions import OperationalError
from redis import Redis
from sqlalchemy import func, select
from structlog.testing import capture_logs

from kyros_worker.bulk import Writes
from kyros_worker.database import read, transaction
from kyros_worker.dispatch.publish import publish_due, publishing
from kyros_worker.submission import claim
from kyros_worker.submission.tables import Submission
from tests import factories
from tests.publishing import Broker, ids, make, publish


def row(submission_id):
    return factories.row(Submission, submission_id)


def in_seconds(at):
    with read() as connection:
        return (
            at - connection.execute(select(func.clock_timestamp())).scalar_one()
        ).total_seconds()


def test_each_is_published_once(no_tasks):
    made = make(5)
    broker = Broker()
    assert publish(broker) == 5
    assert ids(broker) == sorted(made)
    assert publish(broker) == 0
    assert len(broker.sent) == 5


def test_a_message_holds_ids_only(no_tasks):
    submission_id = make(title="secret", priority="high")[0]
    broker = Broker()
    publish(broker)
    ((_, options),) = broker.sent
    assert (options["routing_key"], options["priority"]) == ("implementer", 1)
    task_id = row(submission_id).task_id
    assert options["headers"]["argsrepr"] == f"high, {task_id}, implementer, {submission_id}"
    assert "secret" not in repr(broker.sent)


def test_what_is_published_is_told_with_its_request(no_tasks):
    submission_id = make(title="secret", priority="high")[0]
    with capture_logs() as lines:
        publish(Broker())
    assert lines == [{
        "event": "published", "log_level": "debug", "role": "implementer", "priority": "high",
        "task_id": row(submission_id).task_id, "submission_id": submission_id,
        "request_id": "req_1",
    }]  # fmt: skip


def test_many_are_published_in_parts(no_tasks):
    make(700)
    broker = Broker()
    assert [publish(broker) for _ in range(3)] == [500, 200, 0]
    assert len(set(ids(broker))) == 700


def test_the_delay_until_it_is_published_again_doubles(no_tasks):
    (submission_id,) = make()
    broker = Broker()
    delays = []
    for _ in range(13):
        publish(broker)
        published = row(submission_id)
        delays.append(in_seconds(published.publish_at))
        factories.change(Submission, submission_id, publish_at=func.now())
    assert delays == pytest.approx([60 * 2 ** min(n, 10) for n in range(13)], abs=20)
    assert len(broker.sent) == published.published == 13


@pytest.mark.parametrize("breaks_at", [0, 2])
def test_what_could_not_be_sent_is_published_again_after_the_mark(no_tasks, breaks_at):
    made = make(3)
    broken = Broker(breaks_at)
    with pytest.raises(OperationalError):
        publish(broken)
    assert len(broken.sent) == breaks_at
    broker = Broker()
    assert publish(broker) == 0, "the mark stands for three seconds"
    for one in made:
        assert row(one).published == 0
        assert in_seconds(row(one).publish_at) <= 3
        factories.change(Submission, one, publish_at=Submission.publish_at - timedelta(seconds=3))
    assert publish(broker) == 3
    assert ids(broker) == sorted(made)


def test_what_is_claimed_and_given_back_meanwhile_keeps_its_new_time(no_tasks):
    (submission_id,) = make()
    task_id = row(submission_id).task_id

    class Fast(Broker):
        """A broker whose message is worked on before the row is marked as published."""

        def publish(self, body, **options):
            super().publish(body, **options)
            with transaction() as connection:
                claim.claim(connection, [submission_id], [task_id], "one", 15)
                writes = Writes()
                claim.give_back(writes, (submission_id, 1), pause=2)
                writes.execute(connection)

    publish(Fast())
    back = row(submission_id)
    assert (back.published, back.published_at) == (0, None)
    assert in_seconds(back.publish_at) <= 2
    factories.make_due(submission_id)
    factories.change(Submission, submission_id, publish_at=func.now())
    assert publish(Broker()) == 1


@pytest.mark.parametrize("state", ["running", "completed", "failed", "superseded", "cancelled"])
def test_only_what_is_queued_is_published(no_tasks, state):
    (submission_id,) = make()
    factories.change(Submission, submission_id, state=state)
    assert publish(Broker()) == 0


def test_what_waits_for_its_next_try_is_not_published_before(no_tasks):
    task_id = factories.in_state("waiting")
    assert publish(Broker()) == 0
    factories.change(Submission, factories.current_submission(task_id), publish_at=func.now())
    assert publish(Broker()) == 1


def test_two_dispatchers_publish_different_rows(no_tasks):
    """Rows that another dispatcher is marking are left to it."""
    made = make(4)
    held = select(Submission.id).where(Submission.id.in_(made[:2])).with_for_update()
    broker = Broker()
    with transaction() as connection:
        connection.execute(held)
        assert publish(broker) == 2
    assert set(ids(broker)) == set(made[2:])
    assert publish(broker) == 2


def test_on_a_real_queue_the_urgent_go_first(no_tasks, redis_url):
    from kyros_worker.queue.app import app

    Redis.from_url(redis_url).flushdb()
    made = {name: make(priority=name)[0] for name in ("low", "medium", "critical", "high")}
    critic = make(type="review")[0]
    with publishing() as connection, app.connection_for_write() as broker:
        producer = app.amqp.Producer(broker, auto_declare=False)
        assert publish_due(connection, app, producer) == 5
        channel = broker.default_channel
        found = [channel.basic_get("implementer", no_ack=True) for _ in range(5)]
        assert found.pop() is None
        assert [message.payload[0] for message in found] == [
            [made[name]] for name in ("critical", "high", "medium", "low")
        ]
        assert {message.headers["task"] for message in found} == {"submission.run"}
        assert channel.basic_get("critic", no_ack=True).payload[0] == [critic]
