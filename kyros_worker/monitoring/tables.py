"""The tables of the health that was told, and of counters."""

from datetime import datetime
from typing import Any

from sqlalchemy import TIMESTAMP, BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from kyros_worker.database import Table

_AT = TIMESTAMP(timezone=True)


class ToldHealth(Table):
    """The health that the newest `system.health_check` told: one row, none before the first."""

    __tablename__ = "told_health"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    overall_status: Mapped[str]
    #: Each component's status, by its name.
    statuses: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(_AT)


class Counter(Table):
    """How often something has happened since the database was made, in all processes."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)
