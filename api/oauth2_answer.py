"""Answers of the token endpoints: bare RFC 6749 (sections 5.1 and 5.2), never the envelope."""

import re
from collections.abc import Mapping
from typing import Any

from flask import Response, request

from api.answer import as_json
from kyros_worker import strict_json

#: A page, where people decide.
AUTHORIZE = "/auth/oauth2/authorize"
TOKEN = "/auth/oauth2/token"  # noqa: S105 - a path
#: Where the guide's `fetch_token` posts: the same endpoint.
CALLBACK = "/auth/oauth2/callback"
REVOKE = "/auth/oauth2/revoke"

_NOT_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_FORBIDDEN = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")
_CODES = {429: "temporarily_unavailable", 503: "temporarily_unavailable"}
_SERVER_ERROR = 500


def wanted() -> bool:
    """Whether the current request is to be answered in this form, whatever went wrong."""
    return request.path.rstrip("/") in (TOKEN, CALLBACK, REVOKE)


def bare(
    status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    """An answer that no one on the way may keep."""
    return as_json(strict_json.dumps(body), status, {**(headers or {}), **_NOT_STORED})


def refusal(status: int, message: str, headers: Mapping[str, str]) -> Response:
    """What went wrong before or beside the protocol; what RFC 6749 has no status for is a 400."""
    fallback = "server_error" if status >= _SERVER_ERROR else "invalid_request"
    body = {"error": _CODES.get(status, fallback), "error_description": description(message)}
    return bare(400 if status == 422 else status, body, headers)  # noqa: PLR2004


def description(text: str) -> str:
    """A text in the characters that RFC 6749 lets an `error_description` have."""
    return _FORBIDDEN.sub("'", text)
