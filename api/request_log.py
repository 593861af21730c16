"""What the log tells of a request: its line, and its id in every sentence that is said meanwhile.

The server writes the line, since it alone knows when the last byte was sent.
"""

import logging
import re

from flask import g, has_request_context, request

from api.client_address import client_address
from api.request_id import request_id
from kyros_worker.log import NOTED

#: W3C Trace Context, section 3.2: version, trace id, parent id, flags. All zeros is no trace.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")


def note() -> None:
    """Leave what is known of the current request; no query, no header but the ids of a trace."""
    caller = g.get("caller")
    noted = {
        "route": request.url_rule.rule if request.url_rule is not None else None,
        "credential": caller.credential if caller is not None else None,
        "request_id": request_id(),
        "address": client_address(),
    }
    environ = request.environ
    trace = _TRACEPARENT.fullmatch(environ.get("HTTP_TRACEPARENT", ""))
    if trace is not None:
        noted["trace_id"] = trace[1]
    environ[NOTED] = noted


def name_in_sentences() -> None:
    """Have every sentence that is logged within a request tell the request's id."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_name)


def _name(record: logging.LogRecord) -> bool:
    if has_request_context():
        record.request_id = request_id()
    return True
