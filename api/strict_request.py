"""The request's body, JSON or a form, read strictly and within limits, whoever asks for it."""

import time
from functools import cached_property
from typing import IO, Any, ClassVar
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import get_input_stream

from kyros_worker import strict_json
from kyros_worker.errors import (
    FieldError,
    InvalidError,
    MalformedRequestError,
    RequestTimeoutError,
    TooLargeError,
    UnsupportedMediaTypeError,
)

_KIB = 1024
_MIB = 1024 * _KIB
_PIECE = 64 * 1024
_DRAINED_BYTES = 32 * _MIB
_DRAINED_SECONDS = 10
_FORM_LIMIT = 64 * _KIB
_MOST_FORM_FIELDS = 1000


class StrictRequest(Request):
    """A request whose JSON must be a JSON object in UTF-8, within the route's limit."""

    #: The largest body of a route, in bytes.
    body_limit: ClassVar[int] = 2 * _MIB
    body_limits: ClassVar[dict[str, int]] = {"/v1/tasks/batch": 8 * _MIB}

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:  # noqa: ARG002
        """The body's object, or None where there is no body; the arguments change nothing.

        Raises KyrosErrors: 400 for what is not JSON, 413, 415, and 422 for what is not an object
        or holds what JSON or Postgres can't keep.
        """
        return self._object

    @cached_property
    def _object(self) -> dict[str, Any] | None:
        if not self.content_length and not self.headers.get("Transfer-Encoding"):
            return None
        self._refuse_other_media("application/json")
        route = self.url_rule.rule if self.url_rule else ""
        body = self._read(self.body_limits.get(route, self.body_limit))
        if not body:
            return None
        value = strict_json.loads(body)
        if not isinstance(value, dict):
            raise InvalidError(
                "The body must be a JSON object.", details=[FieldError("", "must be an object")]
            )
        return value

    @cached_property
    def form(self) -> ImmutableMultiDict[str, str]:
        """The fields of an HTML form; none where there is no body.

        Raises KyrosErrors: 400 for what is not UTF-8, 413, 415, and 422 for a character that
        Postgres can't keep.
        """
        if not self.content_length and not self.headers.get("Transfer-Encoding"):
            return ImmutableMultiDict()
        self._refuse_other_media("application/x-www-form-urlencoded")
        return ImmutableMultiDict(_fields(self._read(_FORM_LIMIT)))

    def drain(self) -> None:
        """Read and drop what the client is still sending, up to a bound.

        Otherwise the connection is closed on unread bytes, and the client sees a reset instead
        of the answer.
        """
        stream = self._unread()
        deadline = time.monotonic() + _DRAINED_SECONDS
        drained = 0
        while stream and drained < _DRAINED_BYTES and time.monotonic() < deadline:
            try:
                piece = stream.read(_PIECE)
            except Exception:  # noqa: BLE001 - whatever broke, there is no more to drop
                return
            if not piece:
                return
            drained += len(piece)

    def _refuse_other_media(self, wanted: str) -> None:
        if self.mimetype != wanted:
            raise UnsupportedMediaTypeError(f"The body's Content-Type must be {wanted}.")
        if self.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
            raise UnsupportedMediaTypeError("The body's charset must be utf-8.")
        if self.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            raise UnsupportedMediaTypeError("The body may not be compressed.")

    def _read(self, limit: int) -> bytes:
        if (self.content_length or 0) > limit:
            _refuse_size(limit)
        stream, body = self._unread(), bytearray()
        while stream:
            try:
                piece = stream.read(_PIECE)
            except HTTPException:
                raise
            except TimeoutError:
                raise RequestTimeoutError("The body did not arrive in time.") from None
            except Exception:  # noqa: BLE001 - servers raise errors of their own for bad chunks
                raise MalformedRequestError("The body ends early or can't be read.") from None
            body += piece
            if len(body) > limit:
                _refuse_size(limit)
            if not piece:
                break
        return bytes(body)

    @cached_property
    def _stream(self) -> IO[bytes]:
        return get_input_stream(self.environ)

    def _unread(self) -> IO[bytes] | None:
        sent = self.content_length or self.headers.get("Transfer-Encoding")
        return self._stream if sent else None


def _refuse_size(limit: int) -> None:
    size = f"{limit // _MIB} MiB" if limit >= _MIB else f"{limit // _KIB} KiB"
    raise TooLargeError(f"The body is over the limit of {size}.")


def _fields(body: bytes) -> list[tuple[str, str]]:
    try:
        fields = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FORM_FIELDS
        )
    except UnicodeDecodeError:
        raise MalformedRequestError("The form is not valid UTF-8.") from None
    except ValueError:
        raise MalformedRequestError("The form has too many fields.") from None
    for name, value in fields:
        if fault := strict_json.text_fault(name) or strict_json.text_fault(value):
            raise InvalidError(f"The form {fault}.", details=[FieldError(name[:200], fault)])
    return fields
