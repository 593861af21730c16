"""`/settings/webhooks`: who is told what, and what came of telling them."""

from functools import partial
from typing import Any

from flask import Response

from api.caller import actor, caller, requires
from api.dashboard.form import Form, read_form
from api.dashboard.once import new_form_id, once
from api.dashboard.page import done, page_blueprint, part_of_list, render
from api.request_id import request_id
from kyros_worker.database import Connection, read, transaction
from kyros_worker.errors import ConflictError, InvalidError
from kyros_worker.idempotency.remember import Made
from kyros_worker.webhook import endpoints
from kyros_worker.webhook.queries import list_deliveries
from kyros_worker.webhook.schemas import ChangedWebhook, NewWebhook
from kyros_worker.words import EVENT_NAMES

blueprint = page_blueprint("settings_webhooks", __name__)

_SECRETS = ("secret", "standard_secret")
_ALL = "of all kinds, also those that come later"
_EVENTS = [(name, name, _ALL if name.endswith("*") else None) for name in EVENT_NAMES]
_RECENT = 20


@blueprint.get("/settings/webhooks")
@requires("webhooks:manage")
def list_all() -> Response:
    """The webhooks of the mode, newest first."""
    mode = caller().mode
    with read() as connection:
        part = part_of_list(f"webhooks {mode}", partial(endpoints.list_webhooks, connection, mode))
    return render("settings_webhooks.html", part=part)


@blueprint.get("/settings/webhooks/new")
@requires("webhooks:manage")
def new() -> Response:
    """The form for a new webhook."""
    return _new(Form())


@blueprint.post("/settings/webhooks")
@requires("webhooks:manage")
def create() -> Response:
    """Makes a webhook; the answer shows its secret, this once."""
    form = read_form("events")
    try:
        made = once(form, partial(_create, form.check(NewWebhook, _typed(form))))
    except (InvalidError, ConflictError) as error:
        form.tell(error)
        return _new(form, error.status)
    return _secret(made.data, made.status, new=True)


@blueprint.get("/settings/webhooks/<webhook_id>")
@requires("webhooks:manage")
def show(webhook_id: str) -> Response:
    """A webhook, what can be changed, and its recent deliveries."""
    return _page(webhook_id, None)


@blueprint.post("/settings/webhooks/<webhook_id>")
@requires("webhooks:manage")
def change(webhook_id: str) -> Response:
    """Changes the address, the events and the description."""
    form, mode = read_form("events"), caller().mode
    try:
        body = form.check(ChangedWebhook, _changes(form))
        with transaction() as connection:
            stored = endpoints.present(endpoints.lock_webhook(connection, webhook_id, mode))
            form.refuse_changed(_shown(stored))
            endpoints.change_webhook(connection, webhook_id, body, mode, actor())
    except (InvalidError, ConflictError) as error:
        form.tell(error)
        return _page(webhook_id, form, error.status)
    return done("webhook-changed", "settings_webhooks.show", webhook_id=webhook_id)


@blueprint.post("/settings/webhooks/<webhook_id>/enable")
@requires("webhooks:manage")
def enable(webhook_id: str) -> Response:
    """Lets what was held go out."""
    _change(webhook_id, ChangedWebhook(enabled=True))
    return done("webhook-enabled", "settings_webhooks.show", webhook_id=webhook_id)


@blueprint.post("/settings/webhooks/<webhook_id>/disable")
@requires("webhooks:manage")
def disable(webhook_id: str) -> Response:
    """Holds what happens from now on."""
    _change(webhook_id, ChangedWebhook(enabled=False))
    return done("webhook-disabled", "settings_webhooks.show", webhook_id=webhook_id)


@blueprint.get("/settings/webhooks/<webhook_id>/rotate-secret")
@requires("webhooks:manage")
def ask_to_rotate_secret(webhook_id: str) -> Response:
    """Asks whether a new secret shall be made."""
    return _ask("settings_webhook_rotate.html", webhook_id)


@blueprint.post("/settings/webhooks/<webhook_id>/rotate-secret")
@requires("webhooks:manage")
def rotate_secret(webhook_id: str) -> Response:
    """Makes a new secret, pending; the answer shows it, this once."""
    mode = caller().mode

    def work(connection: Connection) -> Made:
        return Made(endpoints.rotate_secret(connection, webhook_id, mode, actor()), 200, _SECRETS)

    made = once(read_form(), work)
    return _secret(made.data, made.status, new=False)


@blueprint.post("/settings/webhooks/<webhook_id>/activate-secret")
@requires("webhooks:manage")
def activate_secret(webhook_id: str) -> Response:
    """Has the pending secret sign alone."""
    with transaction() as connection:
        endpoints.activate_secret(connection, webhook_id, caller().mode, actor())
    return done("secret-activated", "settings_webhooks.show", webhook_id=webhook_id)


@blueprint.post("/settings/webhooks/<webhook_id>/test")
@requires("webhooks:manage")
def send_test(webhook_id: str) -> Response:
    """Sends the test event."""
    with transaction() as connection:
        endpoints.send_test(connection, webhook_id, caller().mode, request_id=request_id())
    return done("test-sent", "settings_webhooks.show", webhook_id=webhook_id)


@blueprint.post("/settings/webhooks/<webhook_id>/deliveries/<delivery_id>/redeliver")
@requires("webhooks:manage")
def redeliver(webhook_id: str, delivery_id: str) -> Response:
    """Sends a delivery again at once."""
    with transaction() as connection:
        endpoints.redeliver(connection, webhook_id, delivery_id, caller().mode)
    return done("sent-again", "settings_webhooks.show", webhook_id=webhook_id)


@blueprint.get("/settings/webhooks/<webhook_id>/delete")
@requires("webhooks:manage")
def ask_to_delete(webhook_id: str) -> Response:
    """Asks whether the webhook shall go."""
    return _ask("settings_webhook_delete.html", webhook_id)


@blueprint.post("/settings/webhooks/<webhook_id>/delete")
@requires("webhooks:manage")
def delete(webhook_id: str) -> Response:
    """Deletes the webhook."""
    with transaction() as connection:
        endpoints.delete_webhook(connection, webhook_id, caller().mode, actor())
    return done("webhook-deleted", "settings_webhooks.list_all")


def _create(body: NewWebhook, connection: Connection) -> Made:
    return Made(endpoints.create_webhook(connection, body, caller(), actor()), 201, _SECRETS)


def _change(webhook_id: str, body: ChangedWebhook) -> None:
    with transaction() as connection:
        endpoints.change_webhook(connection, webhook_id, body, caller().mode, actor())


def _typed(form: Form) -> dict[str, Any]:
    return {
        "url": form.text("url"),
        "events": form.chosen("events"),
        "description": form.text("description") or "",
    }


def _changes(form: Form) -> dict[str, Any]:
    # An address that was emptied is wrong, and not one that stays.
    return {**_typed(form), "url": form.text("url") or ""}


def _new(form: Form, status: int = 200) -> Response:
    return render(
        "settings_webhook_new.html", status, form=form, form_id=new_form_id(), events=_EVENTS
    )


def _page(webhook_id: str, form: Form | None, status: int = 200) -> Response:
    with read() as connection:
        webhook = endpoints.find_webhook(connection, webhook_id, caller().mode)
        deliveries = list_deliveries(connection, webhook_id, _RECENT, None)
    return render(
        "settings_webhook.html", status, webhook=webhook, deliveries=deliveries,
        form=form or _shown(webhook), events=_EVENTS,
    )  # fmt: skip


def _shown(webhook: dict[str, Any]) -> Form:
    """A webhook as its form shows it."""
    stored = {name: webhook[name] for name in ("url", "description")}
    return Form(stored, {"events": webhook["events"]})


def _ask(template: str, webhook_id: str) -> Response:
    with read() as connection:
        webhook = endpoints.find_webhook(connection, webhook_id, caller().mode)
    return render(template, webhook=webhook, form_id=new_form_id())


def _secret(webhook: dict[str, Any], status: int, *, new: bool) -> Response:
    return render("settings_webhook_secret.html", status, webhook=webhook, new=new)
