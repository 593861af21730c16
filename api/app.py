"""The web application: its blueprints and what stands before every one of them."""

from typing import cast

from flask import Response, request
from flask.json.provider import JSONProvider
from flask_openapi3.openapi import OpenAPI

from api import caller, errors, probes, reference, request_id, strict_url
from api.documentation import INFO, SECURITY_SCHEMES, Problem
from api.strict_request import StrictRequest
from api.v1 import agents, api_keys, escalations, monitoring, system, tasks, webhooks
from kyros_worker import strict_json


class _StrictJson(JSONProvider):
    def dumps(self, obj: object, **_: object) -> str:
        return strict_json.dumps(obj)

    def loads(self, s: str | bytes, **_: object) -> object:
        return strict_json.loads(s.encode() if isinstance(s, str) else s)


class _Api(OpenAPI):
    request_class = StrictRequest
    json_provider_class = _StrictJson


def create_app() -> OpenAPI:
    """The application that gunicorn serves (`api.app:create_app()`)."""
    app = _Api(
        "api",
        info=INFO,
        security_schemes=SECURITY_SCHEMES,
        doc_ui=False,
        static_folder=None,
        validation_error_model=Problem,
        validation_error_callback=errors.refuse_invalid,
    )
    # An automatic answer to OPTIONS would be an empty page of HTML.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    caller.register(app)
    strict_url.register(app)
    errors.register(app)
    app.after_request(_finish)
    app.register_blueprint(probes.blueprint)
    app.register_blueprint(reference.blueprint)
    for room in (tasks, agents, escalations, webhooks, api_keys, monitoring, system):
        app.register_api(room.blueprint)
    return app


def _finish(response: Response) -> Response:
    cast("StrictRequest", request).drain()
    response.headers.setdefault("Cache-Control", "no-store")
    return request_id.show(response)
