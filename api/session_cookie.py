"""The cookie of a session: its name, and how browsers are told to keep it."""

from flask import Response, request

from api.client_address import is_secure
from kyros_worker.settings import current
from kyros_worker.user.session import LASTS_AT_MOST

#: What browsers refuse from any other site, from subdomains and without TLS (RFC 6265bis, 4.1.3.2).
_SECURE_NAME = "__Host-kyros_session"
_PLAIN_NAME = "kyros_session"


def read_cookie() -> str | None:
    """The session's cookie of the current request, if it has one."""
    return request.cookies.get(_name())


def put_cookie(response: Response, cookie: str) -> None:
    """Have the browser keep the cookie, and send it to this site alone."""
    response.set_cookie(
        _name(),
        cookie,
        max_age=LASTS_AT_MOST,
        path="/",
        secure=secure(),
        httponly=True,
        samesite="Lax",
    )


def drop_cookie(response: Response) -> None:
    """Have the browser forget the cookie."""
    response.delete_cookie(_name(), path="/", secure=secure(), httponly=True, samesite="Lax")


def _name() -> str:
    return _SECURE_NAME if secure() else _PLAIN_NAME


def secure() -> bool:
    """Whether the site's cookies are for TLS alone, as far as can be known behind a proxy."""
    return is_secure() or current().base_url.startswith("https://")
