"""Errors as pages, for browsers: the status, sentence and request id that a program would get.

`api.errors` decides what an error is; here is only how it looks.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from flask import Response, current_app, g, redirect, request

from api.caller import needs
from api.dashboard.page import render
from api.oauth2_answer import AUTHORIZE
from api.request_id import request_id
from kyros_worker.auth.subject import PERMISSIONS_OF, ROLES, Subject
from kyros_worker.errors import FieldError

_UNAUTHENTICATED = 401
_FORBIDDEN = 403

#: Programs alone ask here, whatever they say that they accept.
_PROGRAMS = ("/v1", "/auth/oauth2")
#: Of those, where a person's browser is led.
_PEOPLE = (AUTHORIZE,)

#: Who sends a form of a page that he had open when his session ended.
_SIGN_IN = "Your session has ended, so nothing was done. Sign in, and do it again."
_TITLES = {
    400: "That request can't be read",
    403: "You may not do this",
    404: "There is nothing here",
    405: "That can't be done here",
    409: "That can't be done now",
    413: "That is too large",
    415: "That request can't be read",
    422: "Something is not right",
    429: "Too many tries",
    500: "Something went wrong",
    503: "Not available now",
}


def wanted() -> bool:
    """Whether whoever asks is a browser that shows a page to a person."""
    if _is_under(_PEOPLE):
        return True
    if _is_under(_PROGRAMS):
        return False
    return any(kind == "text/html" and quality > 0 for kind, quality in request.accept_mimetypes)


def page(
    status: int, message: str, details: Sequence[FieldError], headers: Mapping[str, str]
) -> Response:
    """The error's page. Who has not signed in is led to where he can."""
    nobody = status == _UNAUTHENTICATED and not _sent_a_credential()
    if nobody and request.method == "GET":
        back = request.full_path.removesuffix("?")
        return current_app.make_response(redirect(f"/sign-in?{urlencode({'next': back})}", 303))
    response = render(
        "error.html",
        status,
        number=status,
        title="You are not signed in" if nobody else _TITLES.get(status, "That did not work"),
        sentence=_SIGN_IN if nobody else message,
        sign_in=nobody,
        details=details if len(details) > 1 else (),
        roles=_roles_that_may() if status == _FORBIDDEN else [],
        retry_after=headers.get("Retry-After"),
        request_id=request_id(),
    )
    response.headers.extend(headers)
    return response


def _sent_a_credential() -> bool:
    return "Authorization" in request.headers


def _roles_that_may() -> list[str]:
    """The roles that have what the person lacks; none where it is not a permission."""
    needed = needs(current_app.view_functions[request.endpoint or ""])
    subject: Subject | None = g.get("caller")
    if subject is None or needed is None or needed == "nothing":
        return []
    if needed == "credential":
        return []
    return [] if subject.may(needed) else [one for one in ROLES if needed in PERMISSIONS_OF[one]]


def _is_under(paths: tuple[str, ...]) -> bool:
    return any(request.path == path or request.path.startswith(f"{path}/") for path in paths)
