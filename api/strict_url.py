"""Paths and query strings: which spellings are served alike, and which are refused."""

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Flask, current_app, request

from kyros_worker.errors import FieldError, InvalidError, NotFoundError
from kyros_worker.strict_json import text_fault

_SLASHES = re.compile("/{2,}")
_REPEATED_V1 = re.compile("^(?:/v1)+(?=/v1(?:/|$))")

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


def register(app: Flask) -> None:
    """Serve other spellings without a redirect, which clients such as curl would not follow."""
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.wsgi_app = _straightened(app.wsgi_app)  # type: ignore[method-assign, assignment]
    app.before_request(_refuse_unreadable)


def _straightened(app: WsgiApp) -> WsgiApp:
    """`/v1/v1/tasks` and `//v1//tasks` as `/v1/tasks`: base URLs are written in all these ways."""

    def straightened(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = _SLASHES.sub("/", environ.get("PATH_INFO", ""))
        environ["PATH_INFO"] = _REPEATED_V1.sub("", path)
        return app(environ, start_response)

    return straightened


def _refuse_unreadable() -> None:
    """Raises NotFoundError for a path, InvalidError for a query string that can't be meant."""
    if request.endpoint is None:
        return
    for value in (request.view_args or {}).values():
        if isinstance(value, str) and text_fault(value):
            raise NotFoundError("There is nothing at this path.")
    if not request.query_string:
        return
    _refuse_bytes(request.query_string)
    if request.path.startswith("/v1/"):
        _refuse_unmeant()


def _refuse_bytes(query: bytes) -> None:
    raw = unquote_to_bytes(query)
    try:
        fault = text_fault(raw.decode())
    except UnicodeDecodeError:
        fault = "is not valid UTF-8"
    if fault:
        raise InvalidError(f"The query string {fault}.", details=[FieldError("", fault)])


def _refuse_unmeant() -> None:
    """Refuse what would be lost silently: a second value, and parameters of a view without any."""
    wrong = [
        FieldError(name[:200], "is given more than once")
        for name, values in request.args.lists()
        if len(values) > 1
    ]
    view = current_app.view_functions[request.endpoint or ""]
    if "query" not in view.__annotations__:
        wrong += [FieldError(name[:200], "is not a known parameter") for name in request.args]
    if wrong:
        raise InvalidError(f"{wrong[0].field} {wrong[0].message}.", details=wrong)
