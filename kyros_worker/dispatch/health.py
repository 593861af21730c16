"""Telling how all of Kyros is when that changes, the broker's answer included, and alerts."""

from kyros_worker import readiness
from kyros_worker.database import transaction
from kyros_worker.monitoring.alerts import Watch, check_alerts
from kyros_worker.monitoring.tell import tell_health


def check(watch: Watch) -> None:
    """Writes a `system.health_check` when one is due, and each `system.alert` that is."""
    # Before the transaction, which holds a lock: a broker that is away takes seconds.
    broker_answers = readiness.redis_answers()
    with transaction() as connection:
        tell_health(connection, broker_answers=broker_answers)
    with transaction() as connection:
        check_alerts(connection, watch)
