"""`/sign-in`, `/sign-out`, and `/`, which leads to where a person begins."""

from flask import Response, current_app, redirect, request

from api.caller import actor, open_to_all, requires, signed_in
from api.client_address import client_address
from api.dashboard.form import Form, read_form
from api.dashboard.next_path import next_path
from api.dashboard.page import page_blueprint, render, see
from api.limits import count_failed_sign_in, refuse_failed_sign_ins
from api.request_id import request_id
from api.session_cookie import drop_cookie, put_cookie
from kyros_worker.database import transaction
from kyros_worker.errors import KyrosError, TooManyRequestsError, UnauthenticatedError
from kyros_worker.user import session
from kyros_worker.user.sign_in import sign_in

blueprint = page_blueprint("sign_in", __name__)


@blueprint.get("/")
@requires()
def start() -> Response:
    """Where a person begins."""
    return see("settings_profile.show")


@blueprint.get("/sign-in")
@open_to_all
def show() -> Response:
    """The form."""
    return _page(Form({"next": request.args.get("next", "")}))


@blueprint.post("/sign-in")
@open_to_all
def enter() -> Response:
    """Signs in and goes on to where the person was going."""
    form = read_form()
    try:
        refuse_failed_sign_ins()
        cookie = _sign_in(form)
    except (UnauthenticatedError, TooManyRequestsError) as error:
        # Those that have to wait count, too: who goes on and on is to reach his network's limit.
        count_failed_sign_in()
        return _page(form, error)
    response = current_app.make_response(redirect(next_path(form.typed.get("next")), 303))
    put_cookie(response, cookie)
    return response


@blueprint.post("/sign-out")
@requires()
def sign_out() -> Response:
    """Ends this session."""
    person = signed_in()
    with transaction() as connection:
        session.end_session(connection, actor(), person.session_id, person.user_id)
    response = see("sign_in.show")
    drop_cookie(response)
    return response


def _sign_in(form: Form) -> str:
    return sign_in(
        form.typed.get("email", ""),
        form.typed.get("password", ""),
        address=client_address(),
        request_id=request_id(),
        user_agent=request.headers.get("User-Agent", ""),
    )


def _page(form: Form, error: KyrosError | None = None) -> Response:
    form.sentence = error.message if error else None
    response = render("sign_in.html", error.status if error else 200, form=form)
    response.headers.extend(error.headers if error else {})
    if isinstance(error, UnauthenticatedError):
        # RFC 9110, section 15.5.2, wants one; browsers ask nobody for a bearer's token.
        response.headers["WWW-Authenticate"] = 'Bearer realm="kyros"'
    return response
