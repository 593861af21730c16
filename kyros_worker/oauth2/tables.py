"""The tables of this room. Secrets, codes and tokens are stored as SHA-256 in hex, never plain."""

from datetime import datetime

from sqlalchemy import TIMESTAMP, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from kyros_worker.database import Table

_AT = TIMESTAMP(timezone=True)


class Application(Table):
    """A program of others, known by its id (`oac_…`, the `client_id`) and maybe a secret."""

    __tablename__ = "oauth2_applications"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    #: Null for a public application, which can keep no secret and must use PKCE.
    secret_hash: Mapped[str | None]
    redirect_uris: Mapped[list[str]]
    #: The most that it can be given.
    permissions: Mapped[list[str]]
    #: Whether it may also act for itself (client credentials).
    acts_for_itself: Mapped[bool]
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(_AT)
    updated_at: Mapped[datetime] = mapped_column(_AT)
    deleted_at: Mapped[datetime | None] = mapped_column(_AT)


class Grant(Table):
    """What a person (or nobody: the application itself) let an application do, until revoked."""

    __tablename__ = "oauth2_grants"

    id: Mapped[str] = mapped_column(primary_key=True)
    application_id: Mapped[str] = mapped_column(
        String, ForeignKey("oauth2_applications.id"), index=True
    )
    user_id: Mapped[str | None] = mapped_column(String, ForeignKey("users.id"), index=True)
    permissions: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(_AT)
    revoked_at: Mapped[datetime | None] = mapped_column(_AT)


class Code(Table):
    """An authorization code: for one use, within a minute."""

    __tablename__ = "oauth2_codes"

    hash: Mapped[str] = mapped_column(primary_key=True)
    grant_id: Mapped[str] = mapped_column(String, ForeignKey("oauth2_grants.id"), index=True)
    #: As the request had it; null when it had none.
    redirect_uri: Mapped[str | None]
    #: Of PKCE, by S256; null when the request had none.
    code_challenge: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(_AT)
    expires_at: Mapped[datetime] = mapped_column(_AT, index=True)
    used_at: Mapped[datetime | None] = mapped_column(_AT)


class Token(Table):
    """An access or refresh token of a grant."""

    __tablename__ = "oauth2_tokens"

    hash: Mapped[str] = mapped_column(primary_key=True)
    grant_id: Mapped[str] = mapped_column(String, ForeignKey("oauth2_grants.id"), index=True)
    #: `access` or `refresh`.
    kind: Mapped[str]
    permissions: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(_AT)
    expires_at: Mapped[datetime] = mapped_column(_AT, index=True)
    #: When a refresh token was exchanged: a second time revokes the grant.
    used_at: Mapped[datetime | None] = mapped_column(_AT)
    revoked_at: Mapped[datetime | None] = mapped_column(_AT)
