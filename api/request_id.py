"""The id of a request: the caller's own when it is sane, else a new one."""

import re

from flask import Response, g, request

from kyros_worker.clock import now
from kyros_worker.ids import new_id

_SANE = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)


def request_id() -> str:
    """The current request's id, the same throughout the request."""
    if "request_id" not in g:
        sent = request.headers.get("X-Request-Id", "")
        g.request_id = sent if _SANE.fullmatch(sent) else new_id("req", now())
    found: str = g.request_id
    return found


def show(response: Response) -> Response:
    """Put the id on the response."""
    response.headers["X-Request-Id"] = request_id()
    return response
