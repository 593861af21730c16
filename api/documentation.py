"""The OpenAPI document: made from the code that validates, and how a view adds to it."""

import copy
from functools import cache
from typing import Any, Literal

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.info import Info
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from flask_openapi3.types import ResponseDict, SecuritySchemesDict
from pydantic import BaseModel, Field, create_model

#: What every operation with a body may answer besides.
WITH_BODY = (400, 408, 413, 415)
#: For the `openapi_extensions` of a view that works through `idempotency.once`.
IDEMPOTENT = {"x-idempotent": True}

INFO = Info(
    title="Kyros",
    version="1",
    description="Software-engineering work done by language models, over HTTP.",
)
SECURITY_SCHEMES: SecuritySchemesDict = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": (
            "An API key (`kyros_live_…`, `kyros_test_…`), an OAuth2 access token (`kyros_at_…`), "
            "or a JWT (HS256, claims `user_id`, `roles`, `exp`). With a token or a JWT the header "
            "`X-Kyros-Mode: test` works in test mode."
        ),
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "kyros_session",
        "description": (
            "Of a person who has signed in; `__Host-kyros_session` over TLS. What changes anything "
            "needs the header `X-CSRF-Token`. `X-Kyros-Mode: test` works in test mode."
        ),
    },
}

_EVERYWHERE = (401, 403, 422, 429, 503)
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and body get the first answer again, for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}


class WrongField(BaseModel):
    """One wrong field of a request."""

    field: str = Field(description="Where it is, such as `tasks[3].title`.")
    message: str = Field(description="What is wrong with it; goes on after the field's name.")


class Problem(BaseModel):
    """What is answered instead of data."""

    success: Literal[False]
    error: str = Field(description="One sentence for a person.")
    code: str = Field(description="Stable, for programs.")
    details: list[WrongField]
    request_id: str
    data: dict[str, Any] | None = Field(
        None, description="With 429, 5xx and a task's 404: what a polling loop can read on."
    )


def api_blueprint(name: str, import_name: str, about: str) -> APIBlueprint:
    """A blueprint under `/v1` whose views become operations `createTask` of the tag `name`."""
    return APIBlueprint(
        name,
        import_name,
        url_prefix="/v1",
        abp_tags=[Tag(name=name, description=about)],
        abp_security=[{"bearer": []}, {"session": []}],
        operation_id_callback=_operation_id,
    )


def responses(model: type[BaseModel], status: int = 200, *others: int) -> ResponseDict:
    """A view's `responses`: data of that model on success, the error's form for the others.

    401, 403, 422, 429 and 503 go without saying; `*WITH_BODY` where there is a body.
    """
    return {status: _answer_of(model), **_refusals(others)}


def event_stream(*others: int) -> ResponseDict:
    """A view's `responses` where it answers with server-sent events."""
    content = {"text/event-stream": {"schema": {"type": "string"}}}
    stream = {"description": "Server-sent events.", "content": content}
    return {200: stream, **_refusals(others)}


def document(app: OpenAPI) -> dict[str, Any]:
    """The app's OpenAPI document."""
    found: dict[str, Any] = copy.deepcopy(app.api_doc)
    for path in found["paths"].values():
        for operation in path.values():
            if operation.pop("x-idempotent", False):
                operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    return found


def _refusals(others: tuple[int, ...]) -> ResponseDict:
    return dict.fromkeys(sorted({*_EVERYWHERE, *others}), Problem)


@cache
def _answer_of(model: type[BaseModel]) -> type[BaseModel]:
    return create_model(f"{model.__name__}Answer", success=(Literal[True], ...), data=(model, ...))


def _operation_id(name: str, path: str, method: str) -> str:  # noqa: ARG001
    """`create_task` as `createTask`: it stays as long as the view's name does."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
