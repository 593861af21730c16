"""The web application: its blueprints and what stands before every one of them."""

from typing import cast

from flask import Response, request
from flask.json.provider import JSONProvider
from flask_openapi3.openapi import OpenAPI

from api import (
    caller,
    cors,
    errors,
    oauth2,
    probes,
    reference,
    request_id,
    request_log,
    security_headers,
    strict_url,
)
from api.dashboard import (
    consent,
    page,
    settings_api_keys,
    settings_oauth2,
    settings_profile,
    settings_users,
    settings_webhooks,
    sign_in,
)
from api.documentation import INFO, SECURITY_SCHEMES, Problem
from api.strict_request import StrictRequest
from api.v1 import agents, api_keys, audit, escalations, monitoring, system, tasks, webhooks
from kyros_worker import database, strict_json
from kyros_worker.settings import current


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
    database.bound_statements(current().request_seconds)
    request_log.name_in_sentences()
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
    cors.register(app)
    caller.register(app)
    strict_url.register(app)
    errors.register(app)
    app.after_request(_finish)
    app.after_request(security_headers.show)
    app.register_blueprint(probes.blueprint)
    app.register_blueprint(reference.blueprint)
    app.register_blueprint(page.assets)
    app.register_blueprint(oauth2.blueprint)
    for pages in (
        sign_in, consent, settings_profile, settings_api_keys, settings_webhooks, settings_users,
        settings_oauth2,
    ):  # fmt: skip
        app.register_blueprint(pages.blueprint)
    for room in (tasks, agents, escalations, webhooks, api_keys, audit, monitoring, system):
        app.register_api(room.blueprint)
    return app


def _finish(response: Response) -> Response:
    cast("StrictRequest", request).drain()
    response.headers.setdefault("Cache-Control", "no-store")
    request_log.note()
    return request_id.show(response)
