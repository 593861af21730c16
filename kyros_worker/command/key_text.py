"""API keys as plain text for people (pure)."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from kyros_worker.command.printable import line
from kyros_worker.command.task_text import aligned, time

_COLUMNS = ("id", "prefix", "mode", "state", "expires", "last used", "permissions", "name")


def table(keys: Sequence[dict[str, Any]], now: datetime, width: int | None) -> str:
    """A line a key below the names of the columns, none wider than `width` columns."""
    return aligned([_COLUMNS, *(_row(key, now) for key in keys)], width)


def described(key: dict[str, Any], now: datetime) -> str:
    """All that a person asks of a key."""
    return "\n".join(_lines(key, now))


def _row(key: dict[str, Any], now: datetime) -> tuple[str, ...]:
    return (
        line(key["id"]),
        f"{line(key['prefix'])}…",
        line(key["mode"]),
        _state(key, now),
        _time(key["expires_at"], "never"),
        _time(key["last_used_at"], "never"),
        _permissions(key),
        line(key["name"]),
    )


def _lines(key: dict[str, Any], now: datetime) -> Iterator[str]:
    yield f"{line(key['id'])}  {_state(key, now)}"
    yield f"  {line(key['name'])}"
    yield f"  {line(key['prefix'])}…, {line(key['mode'])} mode"
    yield f"  permissions {_permissions(key)}"
    yield f"  created {time(key['created_at'])} by {line(key['created_by'])}"
    yield f"  expires {_time(key['expires_at'], 'never')}"
    yield f"  last used {_time(key['last_used_at'], 'never')}"
    yield f"  requests a minute: {_limit(key['rate_limit'])}"
    yield f"  USD a day: {_limit(key['day_budget_usd'])}"
    if key["previous_expires_at"]:
        yield f"  the secret before is good until {time(key['previous_expires_at'])}"
    if key["revoked_at"]:
        yield f"  revoked {time(key['revoked_at'])}"


def _state(key: dict[str, Any], now: datetime) -> str:
    if key["revoked_at"]:
        return "revoked"
    if key["expires_at"] and datetime.fromisoformat(key["expires_at"]) <= now:
        return "expired"
    return "in use" if key["last_used_at"] else "unused"


def _permissions(key: dict[str, Any]) -> str:
    return line(" ".join(key["permissions"]))


def _limit(value: float | None) -> str:
    return "the deployment's limit" if value is None else f"{Decimal(str(value)):f}"


def _time(value: str | None, none: str) -> str:
    return none if value is None else time(value)
