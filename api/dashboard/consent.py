"""`/auth/oauth2/authorize`: a person decides what an application may do in his name.

Whoever is wrong about who they are or where the answer goes is told so here, on a page, and never
led anywhere: the place could be an attacker's. Every other error goes to the application (RFC 6749,
section 4.1.2.1), with `state` as it came and `iss` (RFC 9207).
"""

from urllib.parse import urlencode

from authlib.oauth2.rfc6749 import (
    AccessDeniedError,
    InvalidRequestError,
    OAuth2Error,
    UnsupportedResponseTypeError,
)
from flask import Response, current_app, redirect, request

from api.caller import actor, open_to_all, person_if_signed_in, requires, signed_in
from api.dashboard.form import Form, read_form
from api.dashboard.page import page_blueprint, render
from api.dashboard.words import MAY
from api.limits import count_request
from api.oauth2 import issuer
from api.oauth2_answer import AUTHORIZE, description
from api.oauth2_server import AuthorizationCode, Request, error_parameters, server
from kyros_worker.auth.subject import Permission
from kyros_worker.database import read, transaction
from kyros_worker.errors import MalformedRequestError
from kyros_worker.oauth2 import redirect_uri
from kyros_worker.oauth2.grants import allow, has_allowed
from kyros_worker.oauth2.queries import registered_by
from kyros_worker.oauth2.scope import limited
from kyros_worker.user.session import SignedIn, hold_session

blueprint = page_blueprint("consent", __name__)

#: Stands in the address of who comes from the sign-in.
_AFTER_SIGN_IN = "after_sign_in"


@blueprint.get(AUTHORIZE)
@open_to_all
def ask() -> Response:
    """Asks the person, signed in before, what the application may do."""
    grant = _wanted()
    person = person_if_signed_in()
    if person is None:
        return _sign_in()
    # Who has allowed it already makes a grant with each look at this page.
    count_request(person.subject.credential)
    permissions = _given(grant, person)
    application = grant.request.application
    with read() as connection:
        known = has_allowed(connection, application, person.user_id, permissions)
    if known:
        return _allow(grant, person, permissions)
    return _page(grant, permissions)


@blueprint.post(AUTHORIZE)
@requires()
def decide() -> Response:
    """Leads the browser to the application with the person's decision."""
    grant, person = _wanted(), signed_in()
    permissions = _given(grant, person)
    decision = read_form().typed.get("decision")
    if decision == "allow":
        return _allow(grant, person, permissions)
    if decision == "deny":
        raise AccessDeniedError(redirect_uri=grant.redirect_uri)
    raise MalformedRequestError("The form says neither allow nor deny.")


@blueprint.errorhandler(OAuth2Error)
def _refuse(error: OAuth2Error) -> Response:
    return _lead(error.redirect_uri, error_parameters(error))


def _sign_in() -> Response:
    """The form of the sign-in, here.

    In the address of its own page this one would stand, encoded once more: a line that may be
    longer than the server takes.
    """
    back = request.full_path
    if _AFTER_SIGN_IN not in request.args:
        back += f"&{_AFTER_SIGN_IN}=1"
    return render("sign_in.html", form=Form({"next": back}))


def _wanted() -> AuthorizationCode:
    """What the address asks for, checked.

    Raises MalformedRequestError for what must be told here, OAuth2Errors with their `redirect_uri`
    for what the application is to be told.
    """
    asked = Request(request.args.to_dict())
    for name in ("client_id", "redirect_uri"):
        if len(request.args.getlist(name)) > 1:
            raise MalformedRequestError(f"The link that led here names {name} more than once.")
    client = server.query_client(asked.payload.client_id or "")
    if client is None:
        raise MalformedRequestError(
            "The link that led here names no application that is registered (client_id)."
        )
    uri = asked.payload.redirect_uri or client.get_default_redirect_uri()
    if uri is None or not client.check_redirect_uri(uri):
        raise MalformedRequestError(
            "The link that led here would go on to an address that is not registered for the "
            "application (redirect_uri). It must be written exactly as it was registered."
        )
    grant = server.get_authorization_grant(asked)
    try:
        _refuse_other(asked)
        grant.validate_consent_request()
    except OAuth2Error as error:
        error.redirect_uri = uri
        raise
    return grant


def _refuse_other(asked: Request) -> None:
    """Raises OAuth2Errors for what Authlib would not refuse, or not in a way that can be told."""
    for name, values in request.args.lists():
        if len(values) > 1:
            raise InvalidRequestError(description(f"{name[:100]} is there more than once."))
    response_type = asked.payload.response_type
    if response_type is None:
        raise InvalidRequestError("Missing 'response_type' in request.")
    if response_type != "code":
        raise UnsupportedResponseTypeError("any but code")
    if asked.payload.data.get("response_mode", "query") != "query":
        raise InvalidRequestError("response_mode must be query.")


def _given(grant: AuthorizationCode, person: SignedIn) -> list[Permission]:
    """What is asked for, without what the person himself lacks."""
    permissions = limited(grant.request.scope.split(" "), person.subject.permissions)
    if not permissions:
        raise AccessDeniedError(
            "The person has none of the permissions.", redirect_uri=grant.redirect_uri
        )
    return permissions


def _allow(grant: AuthorizationCode, person: SignedIn, permissions: list[Permission]) -> Response:
    asked = grant.request
    with transaction() as connection:
        hold_session(connection, person.session_id)
        code = allow(
            connection,
            actor(),
            asked.application,
            person.user_id,
            permissions,
            redirect_uri=asked.payload.redirect_uri,
            code_challenge=asked.payload.data.get("code_challenge"),
        )
    return _lead(grant.redirect_uri, {"code": code})


def _lead(uri: str, parameters: dict[str, str]) -> Response:
    """To the application: 303, so that no browser sends the form on to it (RFC 9700, 4.12)."""
    state = {"state": request.args["state"]} if request.args.get("state") else {}
    answer = urlencode({**parameters, **state, "iss": issuer()})
    to = redirect_uri.with_answer(uri, answer)
    if _AFTER_SIGN_IN in request.args:
        # The sign-in's form led here, and its policy lets no redirect lead on to another site.
        response = render("onward.html", to=to, place=redirect_uri.shown(uri))
        response.headers["Refresh"] = f"0; url={to}"
    else:
        response = current_app.make_response(redirect(to, 303))
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _page(grant: AuthorizationCode, permissions: list[Permission]) -> Response:
    application, uri = grant.request.application, grant.redirect_uri
    with read() as connection:
        registrar = registered_by(connection, application)
    return render(
        "consent.html",
        form_action=f"'self' {redirect_uri.source(uri)}",
        application=application,
        registrar=registrar,
        place=redirect_uri.shown(uri),
        loopback=uri.startswith("http:"),
        sentences=[MAY[one] for one in permissions],
        everything="admin" in permissions,
        action=request.full_path,
    )
