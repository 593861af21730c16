"""The tables of this room."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import DateTime, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from kyros_worker.database import Table


class ApiKey(Table):
    """A key by which a program calls; the key itself is never stored."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    #: SHA-256 of the key, in hex.
    hash: Mapped[str] = mapped_column(unique=True)
    #: The key's first characters, by which people know it.
    prefix: Mapped[str]
    mode: Mapped[str]
    permissions: Mapped[list[str]]
    #: Who made it: `key_…`, `usr_…`, a JWT's user, `oac_…`, `command line` or `system`.
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    #: To the minute.
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    #: Requests a minute; null for the deployment's own limit.
    rate_limit: Mapped[int | None]
    #: USD that its tasks may cost on a day (UTC), a hard limit; null for the deployment's own.
    day_budget_usd: Mapped[Decimal | None] = mapped_column(Numeric)
    #: When it was given that budget where it had none.
    day_budget_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    #: The hash of the key that this one replaced, good until that time.
    previous_hash: Mapped[str | None] = mapped_column(unique=True)
    previous_expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
