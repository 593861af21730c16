"""Every error as the contract's JSON, or as a page where a browser asks: the only mapping.

What a client can cause has a sentence and a stable code. What it can't is logged with its
traceback and told as `internal_error`, never with a word about the inside.
"""

import logging
from typing import Any, NoReturn

from flask import Flask, Response
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from api import oauth2_answer
from api.answer import as_json
from api.dashboard import errors as pages
from api.request_id import request_id
from api.wording import invalid
from kyros_worker import strict_json
from kyros_worker.database import is_away
from kyros_worker.errors import FieldError, KyrosError

_log = logging.getLogger(__name__)

_RETRY_SECONDS = "5"
_TOO_MANY = 429
_SERVER_ERROR = 500
_UNAVAILABLE = 503

#: Sentence and code for what the web framework refuses by itself.
_REFUSALS = {
    400: ("The request can't be read.", "malformed_request"),
    404: ("There is nothing at this path.", "not_found"),
    405: ("This path does not take this method.", "method_not_allowed"),
    413: ("The body is over the limit.", "body_too_large"),
    415: ("The body must be application/json.", "unsupported_media_type"),
    429: ("Too many requests.", "rate_limited"),
    503: ("The service can't do this now.", "unavailable"),
}


def register(app: Flask) -> None:
    """Have every error of the app answered here."""
    app.register_error_handler(KyrosError, _kyros_error)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(Exception, _unexpected)


def refuse_invalid(error: ValidationError) -> NoReturn:
    """Raises InvalidError with every wrong field of a body or a query string."""
    raise invalid(error) from None


def _kyros_error(error: KyrosError) -> Response:
    return _answer(
        error.status, error.message, error.code, error.details, error.headers, error.data
    )


def _http_exception(error: HTTPException) -> Response:
    status = error.code or _SERVER_ERROR
    message, code = _REFUSALS.get(
        status, (f"{error.name}.", error.name.lower().replace(" ", "_").replace("'", ""))
    )
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return _answer(status, message, code, headers=headers)


def _unexpected(error: Exception) -> Response:
    if is_away(error):
        said = str(error).splitlines()[0]
        _log.warning("The database can't be used: %s", said)
        message = "The database can't be reached now; ask again in a few seconds."
        return _answer(_UNAVAILABLE, message, "unavailable")
    _log.error("A request failed unexpectedly.", exc_info=error)
    message = "Something went wrong here; the request's id finds it in the logs."
    return _answer(_SERVER_ERROR, message, "internal_error")


def _answer(
    status: int,
    message: str,
    code: str,
    details: list[FieldError] | None = None,
    headers: dict[str, str] | None = None,
    data: dict[str, Any] | None = None,
) -> Response:
    headers = dict(headers or {})
    if status in (_TOO_MANY, _UNAVAILABLE):
        headers.setdefault("Retry-After", _RETRY_SECONDS)
    if oauth2_answer.wanted():
        return oauth2_answer.refusal(status, message, headers)
    if pages.wanted():
        return pages.page(status, message, details or [], headers)
    envelope: dict[str, Any] = {
        "success": False,
        "error": message,
        "code": code,
        "details": [{"field": one.field, "message": one.message} for one in details or []],
        "request_id": request_id(),
    }
    passing = status == _TOO_MANY or status >= _SERVER_ERROR
    if data is not None or passing:
        # Polling loops read `data.status` alone: an empty object lets them go on.
        envelope["data"] = data or {}
    return as_json(strict_json.dumps(envelope), status, headers)
