"""The table of the models whose providers are, or were, in trouble."""

from datetime import datetime

from sqlalchemy import TIMESTAMP, text
from sqlalchemy.orm import Mapped, mapped_column

from kyros_worker.database import Table

_AT = TIMESTAMP(timezone=True)


class BreakerRow(Table):
    """The breaker of a live model that has ever failed (`breaker.Breaker`), for the whole fleet.

    A model without a row is closed. All times are Postgres's, which every worker shares.
    """

    __tablename__ = "breakers"

    #: `provider:name`.
    id: Mapped[str] = mapped_column(primary_key=True)
    faults: Mapped[int] = mapped_column(server_default=text("0"))
    last_fault_at: Mapped[datetime | None] = mapped_column(_AT)
    opened_at: Mapped[datetime | None] = mapped_column(_AT)
    openings: Mapped[int] = mapped_column(server_default=text("0"))
    open_until: Mapped[datetime | None] = mapped_column(_AT)
    #: No foreign key: where a budget refuses the probe, its call is never written.
    probe_call_id: Mapped[str | None]
    #: What the last fault of the row was; null when there is none.
    error_kind: Mapped[str | None]
    error: Mapped[str | None]
