"""What the tests of fleets share."""

import pytest
from sqlalchemy import text

from kyros_worker.database import transaction


@pytest.fixture
def nobody_works(no_tasks):
    """No workers, no told health, no system events."""
    with transaction() as connection:
        connection.execute(text("TRUNCATE workers, told_health, system_events, alerts"))
