"""`/settings/oauth2`: the applications of others, and what one lets them do."""

from functools import partial
from typing import Any

from flask import Response

from api.caller import actor, caller, requires, signed_in
from api.dashboard.form import Form, read_form
from api.dashboard.once import new_form_id, once
from api.dashboard.page import done, page_blueprint, part_of_list, render
from api.dashboard.words import MAY
from kyros_worker.auth.subject import PERMISSIONS
from kyros_worker.database import Connection, read, transaction
from kyros_worker.errors import ConflictError, InvalidError
from kyros_worker.idempotency.remember import Made
from kyros_worker.oauth2 import applications, grants, queries
from kyros_worker.oauth2.scope import DEFAULT

blueprint = page_blueprint("settings_oauth2", __name__)

#: A person's that are shown: each sign-in through an application makes one, good for 30 days.
MOST_GRANTS = 200
_LISTS = ("permissions", "acts_for_itself")
_SECRET = ("client_secret",)


@blueprint.get("/settings/oauth2")
@requires()
def show() -> Response:
    """What the person lets applications do; for an admin also the applications."""
    with read() as connection:
        own = queries.grants_of(connection, signed_in().user_id, MOST_GRANTS)
        known = None
        if caller().may("admin"):
            known = part_of_list("applications", partial(queries.newest_applications, connection))
    return render("settings_oauth2.html", grants=own, most=MOST_GRANTS, part=known, may=MAY)


@blueprint.post("/settings/oauth2/grants/<grant_id>/revoke")
@requires()
def revoke(grant_id: str) -> Response:
    """Ends what the person lets an application do."""
    with transaction() as connection:
        grants.revoke_own(connection, actor(), signed_in().user_id, grant_id)
    return done("grant-revoked", "settings_oauth2.show")


@blueprint.get("/settings/oauth2/applications/new")
@requires("admin")
def new() -> Response:
    """The form for a new application."""
    return _new(Form({"kind": "confidential"}, {"permissions": list(DEFAULT)}))


@blueprint.post("/settings/oauth2/applications")
@requires("admin")
def register() -> Response:
    """Registers an application; the answer shows its secret, this once."""
    form = read_form(*_LISTS)
    try:
        made = once(form, partial(_register, form))
    except (InvalidError, ConflictError) as error:
        form.tell(error)
        return _new(form, error.status)
    return render(
        "settings_oauth2_secret.html",
        made.status,
        application=made.data,
        new=made.status == 201,  # noqa: PLR2004
    )


@blueprint.get("/settings/oauth2/applications/<application_id>")
@requires("admin")
def show_application(application_id: str) -> Response:
    """An application, and what can be changed."""
    return _page(application_id, None)


@blueprint.post("/settings/oauth2/applications/<application_id>")
@requires("admin")
def change(application_id: str) -> Response:
    """Changes the application."""
    form = read_form(*_LISTS)
    try:
        with transaction() as connection:
            form.refuse_changed(_shown(applications.lock(connection, application_id)))
            applications.change(connection, actor(), application_id, **_typed(form))
    except (InvalidError, ConflictError) as error:
        form.tell(error)
        return _page(application_id, form, error.status)
    return done(
        "application-changed", "settings_oauth2.show_application", application_id=application_id
    )


@blueprint.get("/settings/oauth2/applications/<application_id>/rotate")
@requires("admin")
def ask_to_rotate(application_id: str) -> Response:
    """Asks whether the application shall have a new secret."""
    return _ask("settings_oauth2_rotate.html", application_id)


@blueprint.post("/settings/oauth2/applications/<application_id>/rotate")
@requires("admin")
def rotate(application_id: str) -> Response:
    """Makes a new secret; the answer shows it, this once."""

    def work(connection: Connection) -> Made:
        rotated = applications.rotate_secret(connection, actor(), application_id)
        return Made(rotated, 200, _SECRET)

    made = once(read_form(), work)
    return render("settings_oauth2_secret.html", made.status, application=made.data, new=False)


@blueprint.get("/settings/oauth2/applications/<application_id>/delete")
@requires("admin")
def ask_to_delete(application_id: str) -> Response:
    """Asks whether the application shall be let in no more."""
    return _ask("settings_oauth2_delete.html", application_id)


@blueprint.post("/settings/oauth2/applications/<application_id>/delete")
@requires("admin")
def delete(application_id: str) -> Response:
    """Deletes the application."""
    with transaction() as connection:
        applications.delete(connection, actor(), application_id)
    return done("application-deleted", "settings_oauth2.show")


def _register(form: Form, connection: Connection) -> Made:
    public = form.text("kind") == "public"
    made = applications.register(connection, actor(), public=public, **_typed(form))
    return Made(made, 201, _SECRET)


def _typed(form: Form) -> dict[str, Any]:
    return {
        "name": form.text("name") or "",
        "redirect_uris": (form.text("redirect_uris") or "").split(),
        "permissions": form.chosen("permissions"),
        "acts_for_itself": form.chosen("acts_for_itself") == ["yes"],
    }


def _new(form: Form, status: int = 200) -> Response:
    return render(
        "settings_oauth2_new.html", status, form=form, form_id=new_form_id(), options=_OPTIONS
    )


def _page(application_id: str, form: Form | None, status: int = 200) -> Response:
    with read() as connection:
        found = queries.application(connection, application_id)
    return render(
        "settings_oauth2_application.html",
        status,
        application=found,
        form=form or _shown(found),
        options=_OPTIONS,
    )


def _shown(application: dict[str, Any]) -> Form:
    """An application as its form shows it."""
    uris, itself = application["redirect_uris"], application["acts_for_itself"]
    lists = {
        "permissions": application["permissions"],
        "acts_for_itself": ["yes"] if itself else [],
    }
    return Form({"name": application["name"], "redirect_uris": "\n".join(uris)}, lists)


def _ask(template: str, application_id: str) -> Response:
    with read() as connection:
        found = queries.application(connection, application_id)
    return render(template, application=found, form_id=new_form_id())


_OPTIONS = [(one, one, f"May {MAY[one]}.") for one in PERMISSIONS]
