"""The tables of this room."""

from datetime import datetime

from sqlalchemy import TIMESTAMP, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from kyros_worker.database import Table

_AT = TIMESTAMP(timezone=True)


class User(Table):
    """A person who may sign in."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(primary_key=True)
    #: In lower case.
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[str]
    #: Argon2id, with its parameters and salt.
    password_hash: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(_AT)
    password_changed_at: Mapped[datetime] = mapped_column(_AT)
    last_sign_in_at: Mapped[datetime | None] = mapped_column(_AT)
    disabled_at: Mapped[datetime | None] = mapped_column(_AT)


class Session(Table):
    """A browser in which a person has signed in; the cookie itself is never stored."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(primary_key=True)
    #: SHA-256 of the cookie, in hex.
    hash: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[str] = mapped_column(String, ForeignKey("users.id"), index=True)
    address: Mapped[str | None]
    user_agent: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(_AT)
    #: To the minute.
    last_seen_at: Mapped[datetime] = mapped_column(_AT)
    expires_at: Mapped[datetime] = mapped_column(_AT)


class SignInFailures(Table):
    """Wrong passwords in a row for an address from a network, whether somebody has it or not."""

    __tablename__ = "sign_in_failures"

    #: SHA-256 of the address in lower case, in hex: what was typed may have been a password.
    email_hash: Mapped[str] = mapped_column(primary_key=True)
    #: From where: an IPv4 address, or the /64 of an IPv6 address; empty where it is not known.
    network: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(_AT)
