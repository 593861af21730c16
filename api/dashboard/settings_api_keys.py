"""`/settings/api-keys`: the credentials of programs."""

from decimal import Decimal
from functools import partial
from typing import Any

from flask import Response

from api.caller import actor, caller, requires
from api.dashboard.form import Form, read_form
from api.dashboard.once import new_form_id, once
from api.dashboard.page import done, page_blueprint, part_of_list, render
from api.dashboard.words import MAY
from kyros_worker.auth.api_key import REMOVABLE
from kyros_worker.auth.change import change as change_key
from kyros_worker.auth.create import create as create_key
from kyros_worker.auth.create import refuse_mode
from kyros_worker.auth.queries import find, lock, newest, record
from kyros_worker.auth.revoke import revoke as revoke_key
from kyros_worker.auth.rotate import rotate as rotate_key
from kyros_worker.auth.schemas import ChangedApiKey, NewApiKey, Rotation
from kyros_worker.auth.subject import PERMISSIONS
from kyros_worker.database import Connection, read, transaction
from kyros_worker.errors import ConflictError, InvalidError
from kyros_worker.idempotency.remember import Made

blueprint = page_blueprint("settings_api_keys", __name__)


@blueprint.get("/settings/api-keys")
@requires("admin")
def list_all() -> Response:
    """The keys of the mode, newest first."""
    mode = caller().mode
    with read() as connection:
        part = part_of_list(f"api-keys {mode}", partial(newest, connection, mode))
    return render("settings_api_keys.html", part=part)


@blueprint.get("/settings/api-keys/new")
@requires("admin")
def new() -> Response:
    """The form for a new key."""
    return _new(Form({"mode": caller().mode}))


@blueprint.post("/settings/api-keys")
@requires("admin")
def create() -> Response:
    """Makes a key; the answer shows it, this once."""
    form = read_form("permissions")
    try:
        body = form.check(NewApiKey, {**_typed(form), "mode": form.text("mode")})
        made = once(form, partial(_create, body))
    except (InvalidError, ConflictError) as error:
        form.tell(error)
        return _new(form, error.status)
    return render("settings_api_key_secret.html", made.status, key=made.data, new=True)


@blueprint.get("/settings/api-keys/<key_id>")
@requires("admin")
def show(key_id: str) -> Response:
    """A key, and what can be changed."""
    return _page(key_id, None)


@blueprint.post("/settings/api-keys/<key_id>")
@requires("admin")
def change(key_id: str) -> Response:
    """Changes what differs from what is stored."""
    form, mode = read_form("permissions"), caller().mode
    try:
        with transaction() as connection:
            stored = _shown(record(lock(connection, key_id, mode)))
            form.refuse_changed(stored)
            body = form.check(ChangedApiKey, _changes(form, stored))
            change_key(connection, actor(), key_id, body, mode)
    except (InvalidError, ConflictError) as error:
        form.tell(error)
        return _page(key_id, form, error.status)
    return done("key-changed", "settings_api_keys.show", key_id=key_id)


@blueprint.get("/settings/api-keys/<key_id>/rotate")
@requires("admin")
def ask_to_rotate(key_id: str) -> Response:
    """Asks how long the secret before stays good."""
    return _ask("settings_api_key_rotate.html", key_id)


@blueprint.post("/settings/api-keys/<key_id>/rotate")
@requires("admin")
def rotate(key_id: str) -> Response:
    """Makes a new secret for the key; the answer shows it, this once."""
    form, mode = read_form(), caller().mode
    body = form.check(Rotation, {"overlap_seconds": form.whole_number("overlap_seconds")})

    def work(connection: Connection) -> Made:
        rotated = rotate_key(connection, actor(), key_id, body.overlap_seconds, mode)
        return Made(rotated, 200, ("key",))

    made = once(form, work)
    return render("settings_api_key_secret.html", made.status, key=made.data, new=False)


@blueprint.get("/settings/api-keys/<key_id>/revoke")
@requires("admin")
def ask_to_revoke(key_id: str) -> Response:
    """Asks whether the key shall be refused from now on."""
    return _ask("settings_api_key_revoke.html", key_id)


@blueprint.post("/settings/api-keys/<key_id>/revoke")
@requires("admin")
def revoke(key_id: str) -> Response:
    """Revokes the key."""
    with transaction() as connection:
        revoke_key(connection, actor(), key_id, caller().mode)
    return done("key-revoked", "settings_api_keys.list_all")


def _create(body: NewApiKey, connection: Connection) -> Made:
    mode = body.mode or caller().mode
    refuse_mode(caller(), mode)
    fields = {name: getattr(body, name) for name in ("name", "permissions", *REMOVABLE)}
    return Made(create_key(connection, actor(), mode=mode, **fields), 201, ("key",))


def _typed(form: Form) -> dict[str, Any]:
    return {
        "name": form.text("name"),
        "permissions": form.chosen("permissions"),
        "expires_at": form.time("expires_at"),
        "rate_limit": form.whole_number("rate_limit"),
        "day_budget_usd": form.number("day_budget_usd"),
    }


def _changes(form: Form, shown: Form) -> dict[str, Any]:
    """What was typed and is not what the form showed: a field that was emptied is taken away."""
    typed = _typed(form)
    changed = {name: value for name, value in typed.items() if form.text(name) != shown.text(name)}
    changed |= {"permissions": typed["permissions"], "name": typed["name"] or ""}
    removed = [name for name in REMOVABLE if name in changed and changed[name] is None]
    return {**changed, "remove": removed or None}


def _shown(key: dict[str, Any]) -> Form:
    """A key as its form shows it."""
    budget, limit = key["day_budget_usd"], key["rate_limit"]
    typed = {
        "name": key["name"],
        "expires_at": (key["expires_at"] or "")[: len("2026-01-31T09:30")],
        "rate_limit": "" if limit is None else str(limit),
        "day_budget_usd": "" if budget is None else f"{Decimal(repr(budget)):f}",
    }
    return Form(typed, {"permissions": key["permissions"]})


def _new(form: Form, status: int = 200) -> Response:
    return render(
        "settings_api_key_new.html", status, form=form, form_id=new_form_id(), options=_OPTIONS
    )


def _page(key_id: str, form: Form | None, status: int = 200) -> Response:
    with read() as connection:
        key = find(connection, key_id, caller().mode)
    return render(
        "settings_api_key.html", status, key=key, form=form or _shown(key), options=_OPTIONS
    )


def _ask(template: str, key_id: str) -> Response:
    with read() as connection:
        key = find(connection, key_id, caller().mode)
    return render(template, key=key, form_id=new_form_id())


_OPTIONS = [(one, one, f"May {MAY[one]}.") for one in PERMISSIONS]
