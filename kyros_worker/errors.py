"""Errors that a user can cause, with the HTTP status and the stable code they are told by."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FieldError:
    """One wrong field of a request: where it is (`tasks[3].title`) and what is wrong with it."""

    field: str
    message: str


class KyrosError(Exception):
    """An error with a sentence for a person, an HTTP status and a stable snake_case code.

    `details` lists every wrong field, `headers` go onto the HTTP answer, and `data` is put
    beside the error for polling loops that read `data.status` alone (contract, "Conventions").
    """

    status = 500
    code = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: list[FieldError] | None = None,
        headers: dict[str, str] | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.details = details or []
        self.headers = headers or {}
        self.data = data


class MalformedRequestError(KyrosError):
    """The request is not what its format says: not JSON, a repeated key, not UTF-8."""

    status = 400
    code = "malformed_request"


class UnauthenticatedError(KyrosError):
    """No credential, or one that is not valid."""

    status = 401
    code = "unauthenticated"


class PermissionDeniedError(KyrosError):
    """The caller is known but may not do this."""

    status = 403
    code = "permission_denied"


class NotFoundError(KyrosError):
    """Nothing with that id that the caller may see."""

    status = 404
    code = "not_found"


class RequestTimeoutError(KyrosError):
    """The request did not arrive in time; the connection is closed."""

    status = 408
    code = "request_timeout"


class ConflictError(KyrosError):
    """The thing is in a state that does not allow this; the sentence names the state."""

    status = 409
    code = "conflict"


class TooLargeError(KyrosError):
    """The body is over the limit."""

    status = 413
    code = "body_too_large"


class UnsupportedMediaTypeError(KyrosError):
    """The body is of a type that the API does not read."""

    status = 415
    code = "unsupported_media_type"


class InvalidError(KyrosError):
    """One or more fields are wrong; `details` lists every one."""

    status = 422
    code = "validation_failed"


class TooManyRequestsError(KyrosError):
    """The caller asks too often; carries `Retry-After`."""

    status = 429
    code = "rate_limited"


class UnavailableError(KyrosError):
    """The service can't do this now and can be asked again; carries `Retry-After`."""

    status = 503
    code = "unavailable"


class ConfigurationError(Exception):
    """A setting, a file or the machine keeps Kyros from starting: one sentence for a person."""
