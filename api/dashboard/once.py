"""Doing what a form asks once, however often it is sent: each form that was shown has an id."""

import re
import secrets
from collections.abc import Callable
from typing import Any, NamedTuple

from flask import request

from api.caller import CSRF_FIELD, caller
from api.dashboard.form import Form
from kyros_worker import strict_json
from kyros_worker.database import Connection
from kyros_worker.errors import ConflictError, MalformedRequestError
from kyros_worker.idempotency import remember
from kyros_worker.idempotency.remember import Asked, Made, body_hash

FORM_ID = "form_id"

_OK = 200
_FORM_ID = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)


class Done(NamedTuple):
    """What a form made, now or when it was sent before."""

    data: dict[str, Any]
    #: Of the answer: a replay makes nothing, so it is never 201.
    status: int


def new_form_id() -> str:
    """The id of a form that is about to be shown."""
    return secrets.token_urlsafe(16)


def once(form: Form, work: Callable[[Connection], Made]) -> Done:
    """Do the work in one transaction, or give what the same form made before, without its secrets.

    Raises ConflictError where the form was sent before with other content (`idempotency_mismatch`).
    """
    form_id = form.typed.get(FORM_ID, "")
    if not _FORM_ID.fullmatch(form_id):
        raise MalformedRequestError("The form has no id: load its page anew and send it again.")
    assert request.url_rule is not None, "a view is running"
    typed = {name: text for name, text in form.typed.items() if name != CSRF_FIELD}
    asked = Asked(
        credential_id=caller().credential,
        route=f"{request.method} {request.url_rule.rule}",
        key=form_id,
        body_hash=body_hash(request.full_path, {"typed": typed, "lists": dict(form.lists)}),
    )
    try:
        answer = remember.once(asked, work)
    except ConflictError as error:
        if error.code != "idempotency_mismatch":
            raise
        raise ConflictError(
            "This form was sent before with other content: send a new one if you mean both.",
            code=error.code,
        ) from None
    status = _OK if answer.replayed else answer.status
    return Done(strict_json.loads(answer.data.encode()), status)
