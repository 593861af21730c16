"""Who is calling, and whether the route lets them in, before anything else is looked at.

Each view says what it needs: `@requires("tasks:write")`, `@requires()` for any valid credential,
`@open_to_all` for none. A view that says nothing lets nobody in.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from flask import Flask, current_app, g, request

from kyros_worker.auth.authenticate import authenticate
from kyros_worker.auth.subject import Permission, Subject
from kyros_worker.errors import PermissionDeniedError, UnauthenticatedError

_MARK = "kyros_needs"
View = TypeVar("View", bound=Callable[..., Any])
Needs = Permission | Literal["credential", "nothing"] | None


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


def register(app: Flask) -> None:
    """Have every request of the app admitted here first."""
    app.before_request(_admit)


def _admit() -> None:
    if request.endpoint is None:
        return  # an unknown path or method, which is told so whoever asks
    needed = needs(current_app.view_functions[request.endpoint])
    if needed == "nothing":
        return
    g.caller = subject = _known()
    if needed is None:
        raise PermissionDeniedError("Nobody may call this: the route names no permission.")
    if needed != "credential" and not subject.may(needed):
        raise PermissionDeniedError(f"This needs the permission {needed}.")


def _known() -> Subject:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError(
            "A credential is needed: send the header Authorization: Bearer with an API key.",
            headers={"WWW-Authenticate": 'Bearer realm="kyros"'},
        )
    try:
        # Servers hand headers over as Latin-1; a key that was set by hand may be more.
        return authenticate(token.strip().encode("latin-1").decode())
    except (UnauthenticatedError, UnicodeError):
        raise UnauthenticatedError(
            "The credential is not valid, has expired or was revoked.",
            headers={"WWW-Authenticate": 'Bearer realm="kyros", error="invalid_token"'},
        ) from None


def _marked(needed: Needs) -> Callable[[View], View]:
    def mark(view: View) -> View:
        setattr(view, _MARK, needed)
        return view

    return mark
