"""Answers as the contract has them: an envelope around the data, written by the one JSON writer."""

from collections.abc import Mapping
from typing import Any

from flask import Response

from kyros_worker import strict_json


def success(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`{"success": true, "data": …}`."""
    return success_text(strict_json.dumps(data), status, headers)


def success_text(data: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """The same around data that are JSON text already."""
    return as_json(f'{{"success":true,"data":{data}}}', status, headers)


def as_json(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response whose body is this JSON text."""
    return Response(text, status, headers, content_type="application/json")
