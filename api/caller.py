"""Who is calling, and whether the route lets them in, before anything else is looked at.

The one place that tells credentials apart: the header `Authorization: Bearer` with an API key, an
OAuth2 access token or a JWT; without that header, the cookie of a session.

Each view says what it needs: `@requires("tasks:write")`, `@requires()` for any valid credential,
`@open_to_all` for none. A view that says nothing lets nobody in.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from hmac import compare_digest
from typing import Any, Literal, NoReturn, TypeVar, cast

from flask import Flask, current_app, g, request

from api import limits
from api.client_address import client_address
from api.request_id import request_id
from api.session_cookie import read_cookie
from kyros_worker.audit.actor import Actor
from kyros_worker.auth.authenticate import authenticate
from kyros_worker.auth.subject import INVALID_CREDENTIAL, Permission, Subject
from kyros_worker.errors import (
    FieldError,
    InvalidError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from kyros_worker.oauth2.access import authenticate_access_token
from kyros_worker.oauth2.secret import PREFIXES
from kyros_worker.user.json_web_token import authenticate_jwt
from kyros_worker.user.session import SignedIn, authenticate_session

_MARK = "kyros_needs"
View = TypeVar("View", bound=Callable[..., Any])
Needs = Permission | Literal["credential", "nothing"] | None

#: By how a token begins, who says whose it is. What begins otherwise and has two dots is a JWT.
_BY_PREFIX: tuple[tuple[str, Callable[[str], Subject]], ...] = (
    ("kyros_live_", authenticate),
    ("kyros_test_", authenticate),
    (PREFIXES["access token"], authenticate_access_token),
)
_DOTS_OF_JWT = 2
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_REALM = 'Bearer realm="kyros"'

#: Names the mode that a request acts in.
MODE_HEADER = "X-Kyros-Mode"
_CSRF_HEADER = "X-CSRF-Token"
#: Where a form carries the same, which can send no header.
CSRF_FIELD = "csrf_token"
_FORM = "application/x-www-form-urlencoded"
#: The methods that change nothing.
READING = ("GET", "HEAD", "OPTIONS")


def requires(permission: Permission | None = None) -> Callable[[View], View]:
    """Let in callers with that permission; without one, every caller who is known.

    Stands under the route's decorator.
    """
    return _marked(permission or "credential")


def open_to_all(view: View) -> View:
    """Let in everybody, without a credential."""
    return _marked("nothing")(view)


def needs(view: Callable[..., Any]) -> Needs:
    """What the view asks of its caller; None when it says nothing."""
    found: Needs = getattr(view, _MARK, None)
    return found


def caller() -> Subject:
    """Who is calling in the current request."""
    subject: Subject = g.caller
    return subject


def signed_in() -> SignedIn:
    """The person whose session's cookie came; raises UnauthenticatedError for other credentials."""
    if "signed_in" not in g:
        raise UnauthenticatedError(
            "This is for people who have signed in.", headers={"WWW-Authenticate": _REALM}
        )
    person: SignedIn = g.signed_in
    return person


def person_if_signed_in() -> SignedIn | None:
    """The person of the session's cookie, on a page that is open to all; None for anybody else."""
    cookie = read_cookie()
    try:
        person = authenticate_session(cookie) if cookie is not None else None
    except UnauthenticatedError:
        return None
    if person is not None:
        g.signed_in, g.caller = person, person.subject
    return person


def recheck() -> Callable[[], None]:
    """A check for while an answer is being sent: whether the caller would still be let in.

    It raises what a new request would get, KyrosErrors, and can be called when this one is over.
    """
    known_again: Callable[[], Subject] = g.known_again
    needed = _needed()
    return lambda: _refuse_without(needed, known_again())


def actor() -> Actor:
    """Who is calling and from where, for the audit log."""
    who = caller()
    return Actor(who.id, client_address(), request_id(), who.via)


def register(app: Flask) -> None:
    """Have every request of the app admitted here first.

    Requests are counted between who calls and what they may: what is refused counts, too.
    """
    app.before_request(_identify)
    limits.register(app)
    app.before_request(_admit)


def _identify() -> None:
    if _needed() != "nothing":
        g.caller = _known()


def _admit() -> None:
    needed = _needed()
    if needed != "nothing":
        _refuse_forged_change()
        g.caller = _in_wanted_mode(caller())
        _refuse_without(needed, caller())


def _refuse_forged_change() -> None:
    """Raises PermissionDeniedError for a session's change without the session's own token."""
    person: SignedIn | None = g.get("signed_in")
    if person is None or request.method in READING:
        return
    if not compare_digest(
        _sent_csrf_token().encode(errors="surrogatepass"), person.csrf_token.encode()
    ):
        raise PermissionDeniedError(
            "A session's changes need its own token: load the page anew and send it again, or send "
            f"the header {_CSRF_HEADER}.",
            code="csrf_failed",
        )


def _refuse_without(needed: Needs, subject: Subject) -> None:
    if needed is None:
        raise PermissionDeniedError("Nobody may call this: the route names no permission.")
    if needed == "nothing" or needed == "credential":  # noqa: PLR1714 - mypy follows it only so
        return
    if not subject.may(needed):
        raise PermissionDeniedError(f"This needs the permission {needed}.")


def _needed() -> Needs:
    if request.endpoint is None:
        return "nothing"  # an unknown path or method, which is told so whoever asks
    return needs(current_app.view_functions[request.endpoint])


def _known() -> Subject:
    if "Authorization" in request.headers:
        return _of_header(request.headers.getlist("Authorization"))
    cookie = read_cookie()
    if cookie is None:
        _ask_for_credential()
    return _of_cookie(cookie)


def _of_header(headers: list[str]) -> Subject:
    scheme, _, token = headers[0].partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        _ask_for_credential()
    try:
        if len(headers) == 1 and not _CONTROL.search(token):
            # Servers hand headers over as Latin-1; a key that was set by hand may be more.
            g.known_again = partial(_of_token, token.strip().encode("latin-1").decode())
            return cast("Subject", g.known_again())
    except (UnauthenticatedError, UnicodeError):
        pass
    raise UnauthenticatedError(
        INVALID_CREDENTIAL,
        headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'},
    )


def _of_token(token: str) -> Subject:
    for prefix, whose in _BY_PREFIX:
        if token.startswith(prefix):
            return whose(token)
    if token.count(".") == _DOTS_OF_JWT:
        return authenticate_jwt(token)
    raise UnauthenticatedError("The token is of no known kind.")


def _of_cookie(cookie: str) -> Subject:
    try:
        person = authenticate_session(cookie)
    except UnauthenticatedError as error:
        raise UnauthenticatedError(error.message, headers={"WWW-Authenticate": _REALM}) from None
    g.signed_in = person
    g.known_again = lambda: authenticate_session(cookie).subject
    return person.subject


def _sent_csrf_token() -> str:
    if request.mimetype == _FORM and _CSRF_HEADER not in request.headers:
        return request.form.get(CSRF_FIELD, "")
    return request.headers.get(_CSRF_HEADER, "")


def _in_wanted_mode(subject: Subject) -> Subject:
    """The caller in the mode that the request names, if it names one."""
    wanted = request.headers.get(MODE_HEADER)
    if wanted is None or wanted == subject.mode:
        return subject
    if wanted not in ("test", "live"):
        _refuse_mode("must be test or live")
    if subject.kind == "api_key":
        _refuse_mode(f"is not the key's own mode, which is {subject.mode}")
    if wanted == "live":
        _refuse_mode("must be test: the whole deployment is in test mode")
    return replace(subject, mode="test")


def _refuse_mode(reason: str) -> NoReturn:
    raise InvalidError(f"{MODE_HEADER} {reason}.", details=[FieldError(MODE_HEADER, reason)])


def _ask_for_credential() -> NoReturn:
    raise UnauthenticatedError(
        "A credential is needed: send the header Authorization: Bearer with an API key, a JWT or "
        "an OAuth2 access token, or the cookie of a session.",
        headers={"WWW-Authenticate": _REALM},
    )


def _marked(needed: Needs) -> Callable[[View], View]:
    def mark(view: View) -> View:
        setattr(view, _MARK, needed)
        return view

    return mark
