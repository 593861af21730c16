"""What the tests of monitoring share."""

import pytest
from sqlalchemy import text

from kyros_worker.database import transaction


@pytest.fixture
def nobody_works(no_tasks):
    """No workers, no told health, no system events, no alerts, no webhooks."""
    with transaction() as connection:
        connection.execute(
            text(
                "TRUNCATE workers, told_health, system_events, alerts, webhooks,"
                " deliveries, delivery_attempts, counters"
            )
        )
