"""Submissions to publish, and a broker that keeps what is sent to it."""

from contextlib import nullcontext

from celery import Celery
from kombu.exceptions import OperationalError

from kyros_worker.dispatch.publish import publish_due, publishing
from tests import factories


class Broker:
    """Takes what is sent, at once; fails from the message `breaks_at` on."""

    def __init__(self, breaks_at=None):
        self.sent, self.breaks_at = [], breaks_at

    def batch(self):
        return nullcontext()

    def publish(self, body, **options):
        if self.breaks_at is not None and len(self.sent) >= self.breaks_at:
            raise OperationalError("the broker is away")
        (submission_id,), _, _ = body
        self.sent.append((submission_id, options))


def ids(broker):
    return [submission_id for submission_id, _ in broker.sent]


def publish(broker):
    with publishing() as connection:
        return publish_due(connection, Celery(set_as_current=False), broker)


def make(count=1, **fields):
    made = factories.create_all(*(factories.new_task(**fields) for _ in range(count)))
    return [one["submission_id"] for one in made]
