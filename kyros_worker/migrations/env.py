"""Alembic's environment: runs on the connection that `upgrade` gives it."""

from alembic import context

import kyros_worker.audit.tables
import kyros_worker.auth.tables
import kyros_worker.cost.tables
import kyros_worker.escalation.tables
import kyros_worker.event.tables
import kyros_worker.fleet.tables
import kyros_worker.idempotency.tables
import kyros_worker.model.tables
import kyros_worker.monitoring.tables
import kyros_worker.oauth2.tables
import kyros_worker.rollup.tables
import kyros_worker.submission.tables
import kyros_worker.task.tables
import kyros_worker.user.tables
import kyros_worker.webhook.tables  # noqa: F401
from kyros_worker.database import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    transaction_per_migration=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
