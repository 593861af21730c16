"""Cursors of lists: opaque to clients, bound to the list that they were given out for.

A cursor holds the last id that was shown, so rows added meanwhile neither repeat nor hide one.
The scope (the list's name and filters) is hashed in: a cursor of another list is refused instead
of giving a page that looks right. It is no secret: whoever makes one up sees no more than the
list's own filters let him.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from kyros_worker.errors import FieldError, InvalidError

_LAST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}", re.ASCII)
_SCOPE_DIGITS = 12


def encode(last_id: str, scope: str) -> str:
    """The cursor that goes on after `last_id` in the list that `scope` describes."""
    return base64.urlsafe_b64encode(f"{_digest(scope)}{last_id}".encode()).decode().rstrip("=")


def decode(cursor: str, scope: str, form: re.Pattern[str] = _LAST_ID) -> str:
    """The last id that was shown, which is of that form.

    Raises InvalidError (422) for any other list's cursor.
    """
    try:
        text = base64.b64decode(f"{cursor}{'=' * (-len(cursor) % 4)}", b"-_", validate=True)
        found, last_id = text[:_SCOPE_DIGITS].decode(), text[_SCOPE_DIGITS:].decode()
    except (binascii.Error, ValueError):
        found, last_id = "", ""
    if found != _digest(scope) or not form.fullmatch(last_id):
        raise InvalidError(
            "cursor is not a cursor of this list.",
            details=[FieldError("cursor", "is not a cursor of this list with these filters")],
        )
    return last_id


def page(name: str, found: Sequence[dict[str, Any]], limit: int, scope: str) -> dict[str, Any]:
    """A list's answer, of rows newest first of which one more than `limit` was asked for."""
    shown, has_more = list(found[:limit]), len(found) > limit
    next_cursor = encode(shown[-1]["id"], scope) if has_more else None
    return {name: shown, "next_cursor": next_cursor, "has_more": has_more}


def _digest(scope: str) -> str:
    return sha256(scope.encode()).hexdigest()[:_SCOPE_DIGITS]
