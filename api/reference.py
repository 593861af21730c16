"""Pages for programmers, open to all: `/openapi.json`, and `/docs` to read and try it.

Swagger UI comes from the installed package, so the page loads nothing from outside.
"""

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
_PAGE = """<!doctype html>
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
<script>
SwaggerUIBundle({url: "/openapi.json", dom_id: "#reference", validatorUrl: null});
</script>
</body>
</html>
"""


@blueprint.get("/openapi.json")
@open_to_all
def openapi() -> Response:
    """The OpenAPI document."""
    return as_json(strict_json.dumps(document(cast("OpenAPI", current_app))))


@blueprint.get("/docs")
@open_to_all
def docs() -> Response:
    """The page."""
    return Response(_PAGE, content_type="text/html; charset=utf-8")


@blueprint.get("/docs/<path:asset>")
@open_to_all
def asset(asset: str) -> Response:
    """Swagger UI's own files."""
    return send_from_directory(_ASSETS, asset, max_age=3600)
