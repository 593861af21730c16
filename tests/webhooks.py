"""Endpoints for tests, and what the fleet does with them, without any worker's process."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from kyros_worker.audit.actor import SYSTEM
from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.webhook.claim import claim_deliveries
from kyros_worker.webhook.endpoints import create_webhook
from kyros_worker.webhook.record import Attempted, record_attempts
from kyros_worker.webhook.schemas import NewWebhook
from kyros_worker.webhook.tables import Attempt, Delivery
from kyros_worker.webhook_times import WebhookTimes
from tests.factories import WHO

TIMES = WebhookTimes()


def forget():
    """No endpoints and no deliveries."""
    with transaction() as connection:
        connection.execute(
            text(
                "TRUNCATE webhooks, deliveries, delivery_attempts, event_bodies,"
                " system_events, alerts"
            )
        )


@pytest.fixture
def no_webhooks(schema):
    """No endpoints and no deliveries, and none that are left."""
    forget()
    yield
    forget()


def webhook(*events, who=WHO, **fields):
    """An endpoint as it is answered."""
    new = NewWebhook(url="https://example.com/hook", events=list(events or ("*",)), **fields)
    with transaction() as connection:
        return create_webhook(connection, new, who, SYSTEM)


def deliveries(webhook_id):
    with read() as connection:
        query = select(Delivery).where(Delivery.webhook_id == webhook_id)
        return connection.execute(query.order_by(Delivery.id)).all()


def attempts(delivery_id):
    with read() as connection:
        query = select(Attempt).where(Attempt.delivery_id == delivery_id)
        return connection.execute(query.order_by(Attempt.number)).all()


def claim(*webhook_ids, most=100, lease_seconds=30, order_seconds=600):
    with transaction() as connection:
        return claim_deliveries(
            connection, webhook_ids, most, lease_seconds=lease_seconds, order_seconds=order_seconds
        )


def take_over(webhook_id):
    """Claims what another holds: its time has passed, and nobody else sees it due before."""
    with transaction() as connection:
        _expire(connection, webhook_id)
        return claim_deliveries(connection, (webhook_id,), 100, lease_seconds=30, order_seconds=600)


def attempted(row, status=200, **fields):
    at = fields.pop("at", None) or now()
    return Attempted(row["id"], row["claim"], at, 0.1, status_code=status, **fields)


def record(*all_attempted, times=TIMES):
    with transaction() as connection:
        record_attempts(connection, all_attempted, times)


def deliver_all(*webhook_ids, status=200):
    """Claims and records until nothing is due; gives what was sent, in order."""
    sent = []
    while claimed := claim(*webhook_ids):
        sent += claimed
        record(*(attempted(row, status) for row in claimed))
    return sent


def make_due(webhook_id):
    """Time has passed, for all that waits."""
    with transaction() as connection:
        _expire(connection, webhook_id)


def _expire(connection, webhook_id):
    connection.execute(
        text("UPDATE deliveries SET due_at = due_at - :ago WHERE webhook_id = :id"),
        {"ago": timedelta(days=1), "id": webhook_id},
    )
