"""What the line of a request in the log tells of it, left where the server that writes it looks.

The server writes the line, since it alone knows when the last byte was sent.
"""

import re

from flask import g, request

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
