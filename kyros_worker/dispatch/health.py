"""Telling how all of Kyros is when that changes, the broker's answer included."""

from kyros_worker import readiness
from kyros_worker.database import transaction
from kyros_worker.monitoring.tell import tell_health


def check() -> None:
    """Writes a `system.health_check` when one is due."""
    # Before the transaction, which holds a lock: a broker that is away takes seconds.
    broker_answers = readiness.redis_answers()
    with transaction() as connection:
        tell_health(connection, broker_answers=broker_answers)
