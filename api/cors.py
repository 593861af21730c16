"""Which pages of other sites may call the API from a browser (Fetch standard, "CORS protocol").

None unless KYROS_CORS_ORIGINS names their origins. Cookies stay away: callers send a credential.
"""

from flask import Flask, Response, request
from werkzeug.exceptions import MethodNotAllowed

from api.oauth2_answer import REVOKE, TOKEN
from kyros_worker.setting_lists import listed
from kyros_worker.settings import current

_PATHS = (TOKEN, REVOKE, "/.well-known/oauth-authorization-server")
_ALLOWED_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Kyros-Mode, X-Request-Id"
)
_EXPOSED_HEADERS = (
    "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-Id, "
    "Idempotent-Replayed"
)
_ASKED_AGAIN_AFTER_SECONDS = "600"


def register(app: Flask) -> None:
    """Answer preflights, and put on every answer whether the page that asked may read it."""
    app.before_request(_preflight)
    app.after_request(_show)


def _preflight() -> Response | None:
    asked = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    there = request.routing_exception
    if not (asked and _may() and isinstance(there, MethodNotAllowed)):
        return None
    return Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": ", ".join(sorted(there.valid_methods or ())),
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Max-Age": _ASKED_AGAIN_AFTER_SECONDS,
        },
    )


def _show(response: Response) -> Response:
    if current().cors_origins and _is_open():
        response.vary.add("Origin")
        if _may():
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS
    return response


def _may() -> bool:
    named = listed(current().cors_origins)
    return _is_open() and request.headers.get("Origin") in named


def _is_open() -> bool:
    return request.path.startswith("/v1/") or request.path in _PATHS
