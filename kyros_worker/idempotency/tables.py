"""The tables of this room."""

from datetime import datetime

from sqlalchemy import DateTime, Index
from sqlalchemy.orm import Mapped, mapped_column

from kyros_worker.database import Table


class IdempotencyKey(Table):
    """The first answer to a request, kept to be given again; keys belong to (credential, route)."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("idempotency_keys_created_at", "created_at"),)

    credential_id: Mapped[str] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    #: SHA-256 of the path and of the body without regard to the order of its keys, in hex.
    body_hash: Mapped[str]
    #: Null only inside the transaction that does the work.
    status: Mapped[int | None]
    #: The answer's `data` as JSON text; what was a secret is null in it.
    body: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
