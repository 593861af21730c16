"""Forms are taken from this site's own pages alone.

Every form of a person who has signed in also carries the session's own token, which no other site
can read: `api.caller` asks for it. What is here guards the sign-in too, where there is no session.
"""

from urllib.parse import urlsplit

from flask import request

from api.caller import READING
from kyros_worker.errors import PermissionDeniedError
from kyros_worker.settings import current


def refuse_forged() -> None:
    """Raises PermissionDeniedError for a form that another site sent."""
    if request.method not in READING and not _from_here():
        raise PermissionDeniedError(
            "Another site sent this form, so it is not taken.", code="csrf_failed"
        )


def _from_here() -> bool:
    """Whether the browser says so; one that says nothing is no browser that could be tricked."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    # The scheme may be another behind a proxy; the host is what tells sites apart.
    host = _host(origin)
    return host is not None and host in (request.host, _host(current().base_url))


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).netloc or None
    except ValueError:
        return None
