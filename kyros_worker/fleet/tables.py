"""The tables of workers and of maintenance."""

from datetime import datetime

from sqlalchemy import TIMESTAMP, text
from sqlalchemy.orm import Mapped, mapped_column

from kyros_worker.database import Table

_AT = TIMESTAMP(timezone=True)

#: The id of the only row of a table that has one.
ONLY_ROW = 1


class Worker(Table):
    """A worker's process that runs, or did a moment ago."""

    __tablename__ = "workers"

    #: As Celery and Flower name it: `implementer@host-pid`.
    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(_AT)
    #: By Postgres's clock, which everybody shares.
    seen_at: Mapped[datetime] = mapped_column(_AT)


class Maintenance(Table):
    """Whether workers may start anything new: one row, none before the first change."""

    __tablename__ = "maintenance"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    enabled: Mapped[bool]
    #: Whether it has ended and what waited is still to be published again.
    resuming: Mapped[bool] = mapped_column(server_default=text("false"))
    message: Mapped[str | None]
    #: `key_…`, `usr_…`, a JWT's user or `oac_…`; null, as the time is, in a row that was made
    #: to be locked.
    changed_by: Mapped[str | None]
    changed_at: Mapped[datetime | None] = mapped_column(_AT)
