"""`Idempotency-Key`: how a view does its work once."""

import re
from collections.abc import Callable

from flask import Response, request

from api.answer import success_text
from api.caller import caller
from kyros_worker.database import Connection
from kyros_worker.errors import FieldError, InvalidError
from kyros_worker.idempotency.remember import Asked, Made, body_hash
from kyros_worker.idempotency.remember import once as _once

__all__ = ["Made", "has_key", "once"]

_KEY = re.compile(r"[\x20-\x7e]{1,255}", re.ASCII)


def once(work: Callable[[Connection], Made]) -> Response:
    """Do the work in one transaction and answer what it made, or what it made the first time."""
    answer = _once(_asked(), work)
    headers = {"Idempotent-Replayed": "true"} if answer.replayed else None
    return success_text(answer.data, answer.status, headers)


def has_key() -> bool:
    """Whether the current request is to be done once."""
    return "Idempotency-Key" in request.headers


def _asked() -> Asked | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        message = "must be 1 to 255 printable ASCII characters"
        raise InvalidError(
            f"Idempotency-Key {message}.", details=[FieldError("Idempotency-Key", message)]
        )
    assert request.url_rule is not None, "a view is running"
    return Asked(
        credential_id=caller().credential,
        route=f"{request.method} {request.url_rule.rule}",
        key=key,
        # A person's two modes share a credential, and neither sees the other's answer.
        body_hash=body_hash(f"{caller().mode} {request.path.rstrip('/')}", request.get_json()),
    )
