"""`/settings/users`: who may sign in, and as what."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Response

from api.caller import actor, requires
from api.dashboard.form import Form, read_form
from api.dashboard.once import new_form_id, once
from api.dashboard.page import done, page_blueprint, part_of_list, render
from kyros_worker.audit.actor import Actor
from kyros_worker.database import Connection, read, transaction
from kyros_worker.errors import ConflictError, InvalidError
from kyros_worker.idempotency.remember import Made
from kyros_worker.oauth2 import shut_out
from kyros_worker.user import accounts
from kyros_worker.user.password import PasswordHash, hash_password, make_password
from kyros_worker.user.queries import find_user, newest_users

blueprint = page_blueprint("settings_users", __name__)


@blueprint.get("/settings/users")
@requires("admin")
def list_all() -> Response:
    """The users, newest first."""
    with read() as connection:
        part = part_of_list("users", partial(newest_users, connection))
    return render("settings_users.html", part=part)


@blueprint.get("/settings/users/new")
@requires("admin")
def new() -> Response:
    """The form for a new user."""
    return _new(Form({"role": "developer"}))


@blueprint.post("/settings/users")
@requires("admin")
def create() -> Response:
    """Makes a user; the answer shows the password that was made, this once."""
    form, password = read_form(), make_password()
    try:
        made = once(form, partial(_create, form, password, hash_password(password)))
    except (InvalidError, ConflictError) as error:
        form.tell(error)
        return _new(form, error.status)
    return render("settings_user_secret.html", made.status, user=made.data, new=True)


@blueprint.get("/settings/users/<user_id>")
@requires("admin")
def show(user_id: str) -> Response:
    """A user, and what can be changed."""
    return _page(user_id, None)


@blueprint.post("/settings/users/<user_id>")
@requires("admin")
def change(user_id: str) -> Response:
    """Changes the name and the role."""
    form = read_form()
    name, role = form.text("name") or "", form.text("role") or ""
    try:
        with transaction() as connection:
            form.refuse_changed(_shown(accounts.lock_user(connection, user_id)))
            accounts.change_user(connection, actor(), user_id, name=name, role=role)
    except (InvalidError, ConflictError) as error:
        form.tell(error)
        return _page(user_id, form, error.status)
    return done("user-changed", "settings_users.show", user_id=user_id)


@blueprint.post("/settings/users/<user_id>/disable")
@requires("admin")
def disable(user_id: str) -> Response:
    """Signs the user out everywhere and lets him in no more."""
    return _change(shut_out.disable, "user-disabled", user_id)


@blueprint.post("/settings/users/<user_id>/enable")
@requires("admin")
def enable(user_id: str) -> Response:
    """Lets the user in again."""
    return _change(accounts.enable_user, "user-enabled", user_id)


@blueprint.get("/settings/users/<user_id>/password")
@requires("admin")
def ask_for_password(user_id: str) -> Response:
    """Asks whether the user shall have a new password."""
    with read() as connection:
        user = find_user(connection, user_id)
    return render("settings_user_password.html", user=user, form_id=new_form_id())


@blueprint.post("/settings/users/<user_id>/password")
@requires("admin")
def set_password(user_id: str) -> Response:
    """Gives the user a new password, which the answer shows, this once."""
    password = make_password()
    password_hash = hash_password(password)

    def work(connection: Connection) -> Made:
        user = shut_out.give_password(connection, actor(), user_id, password_hash)
        return Made({**user, "password": password}, 200, ("password",))

    made = once(read_form(), work)
    return render("settings_user_secret.html", made.status, user=made.data, new=False)


def _change(
    verb: Callable[[Connection, Actor, str], dict[str, Any]], message: str, user_id: str
) -> Response:
    with transaction() as connection:
        verb(connection, actor(), user_id)
    return done(message, "settings_users.show", user_id=user_id)


def _create(form: Form, password: str, password_hash: PasswordHash, connection: Connection) -> Made:
    user = accounts.create_user(
        connection, actor(), email=form.text("email") or "", name=form.text("name") or "",
        role=form.text("role") or "", password_hash=password_hash,
    )  # fmt: skip
    return Made({**user, "password": password}, 201, ("password",))


def _new(form: Form, status: int = 200) -> Response:
    return render("settings_user_new.html", status, form=form, form_id=new_form_id())


def _page(user_id: str, form: Form | None, status: int = 200) -> Response:
    with read() as connection:
        user = find_user(connection, user_id)
    return render("settings_user.html", status, user=user, form=form or _shown(user))


def _shown(user: dict[str, Any]) -> Form:
    """A user as his form shows him."""
    return Form({"name": user["name"], "role": user["role"]})
