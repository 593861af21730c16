"""Pages for programmers, open to all: `/openapi.json`, and `/docs` to read and try it.

Swagger UI comes from the installed package, so the page loads nothing from outside.
"""

import base64
import hashlib
from pathlib import Path
from typing import cast

import flask_openapi3_swagger
from flask import Blueprint, Response, current_app, send_from_directory
from flask_openapi3.openapi import OpenAPI

from api.answer import as_json
from api.caller import open_to_all
from api.documentation import document
from kyros_worker import strict_json

blueprint = Blueprint("reference", __name__)

_ASSETS = Path(flask_openapi3_swagger.__file__).parent / "templates" / "swagger"
_START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#reference", validatorUrl: null});'
_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kyros API</title>
<link rel="icon" href="/docs/images/swagger.svg">
<link rel="stylesheet" href="/docs/css/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<script src="/docs/js/swagger-ui-bundle.js"></script>
<script>{_START}</script>
</body>
</html>
"""
_START_HASH = base64.b64encode(hashlib.sha256(_START.encode()).digest()).decode()
#: Swagger UI draws with data: images.
_POLICY = (
    f"default-src 'none'; script-src 'self' 'sha256-{_START_HASH}'; "
    "style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@blueprint.get("/openapi.json")
@open_to_all
def openapi() -> Response:
    """The OpenAPI document."""
    return as_json(strict_json.dumps(document(cast("OpenAPI", current_app))))


@blueprint.get("/docs")
@open_to_all
def docs() -> Response:
    """The page."""
    policy = {"Content-Security-Policy": _POLICY}
    return Response(_PAGE, headers=policy, content_type="text/html; charset=utf-8")


@blueprint.get("/docs/<path:asset>")
@open_to_all
def asset(asset: str) -> Response:
    """Swagger UI's own files."""
    return send_from_directory(_ASSETS, asset, max_age=3600)
