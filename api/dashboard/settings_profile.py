"""`/settings/profile`: one's name, what one may do, one's password and sessions."""

from flask import Response

from api.caller import actor, caller, requires, signed_in
from api.dashboard.form import Form, read_form
from api.dashboard.page import done, page_blueprint, render
from api.dashboard.words import may_do, role_of
from kyros_worker.database import read, transaction
from kyros_worker.errors import FieldError, InvalidError
from kyros_worker.user.accounts import change_own_password, change_user
from kyros_worker.user.session import end_session, list_sessions, sign_out_everywhere

blueprint = page_blueprint("settings_profile", __name__)

#: A person's that are shown: each sign-in makes one, good for 7 days.
MOST_SESSIONS = 200


@blueprint.get("/settings/profile")
@requires()
def show() -> Response:
    """The page."""
    return _page()


@blueprint.post("/settings/profile")
@requires()
def change_name() -> Response:
    """Changes one's own name."""
    form = read_form()
    try:
        with transaction() as connection:
            change_user(connection, actor(), signed_in().user_id, name=form.typed.get("name", ""))
    except InvalidError as error:
        form.tell(error)
        return _page(error.status, name=form)
    return done("name-changed", "settings_profile.show")


@blueprint.post("/settings/profile/password")
@requires()
def change_password() -> Response:
    """Changes one's own password, which ends one's other sessions."""
    form = read_form()
    try:
        _change_password(form)
    except InvalidError as error:
        form.tell(error)
        return _page(error.status, password=form)
    return done("password-changed", "settings_profile.show")


@blueprint.post("/settings/profile/sessions/<session_id>/end")
@requires()
def end_one(session_id: str) -> Response:
    """Signs out a browser."""
    with transaction() as connection:
        end_session(connection, actor(), session_id, signed_in().user_id)
    return done("session-ended", "settings_profile.show")


@blueprint.post("/settings/profile/sessions/end-others")
@requires()
def end_others() -> Response:
    """Signs out every browser but this one."""
    with transaction() as connection:
        person = signed_in()
        sign_out_everywhere(connection, actor(), person.user_id, but=person.session_id)
    return done("other-sessions-ended", "settings_profile.show")


def _change_password(form: Form) -> None:
    new = form.typed.get("password", "")
    if form.typed.get("again") != new:
        different = FieldError("again", "is not the same as the new password")
        raise InvalidError("The new passwords differ.", details=[different])
    change_own_password(
        actor(), signed_in().user_id, form.typed.get("old", ""), new,
        session_id=signed_in().session_id,
    )  # fmt: skip


def _page(status: int = 200, name: Form | None = None, password: Form | None = None) -> Response:
    with read() as connection:
        sessions = list_sessions(connection, signed_in().user_id, MOST_SESSIONS)
    return render(
        "settings_profile.html",
        status,
        name=name or Form({"name": signed_in().name}),
        password=password or Form(),
        sessions=sessions,
        most=MOST_SESSIONS,
        role=role_of(caller().permissions),
        may=may_do(caller().permissions),
    )
