"""What an answer means: its data, or the error that it tells (pure)."""

import time
from typing import Any, Callable, Dict, List, Optional, Type, TypeVar

import httpx

from kyros import exact, retry
from kyros.errors import (
    AuthenticationError,
    ConflictError,
    KyrosError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    ValidationError,
    WrongField,
)

T = TypeVar("T")

_REDIRECT = 300
_ERROR = 400
_SERVER_ERROR = 500
_CLASSES: Dict[int, Type[KyrosError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    429: RateLimitError,
}


def checked(response: httpx.Response, reads: Callable[[Any], T]) -> T:
    """What `reads` makes of the answer's `data`; raises the error that the answer is instead."""
    if response.status_code >= _REDIRECT:
        raise refused(response)
    try:
        data = exact.loads(response.content)["data"]
        return reads(data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise unreadable(response) from error


def refused(response: httpx.Response) -> KyrosError:
    """The error that an answer tells."""
    try:
        answer = exact.loads(response.content)
        message, code = answer["error"], answer["code"]
    except (ValueError, TypeError, KeyError):
        return unreadable(response)
    if response.status_code < _ERROR or not isinstance(message, str) or not isinstance(code, str):
        return unreadable(response)
    return _error(response, message, code, answer)


def unreadable(response: httpx.Response) -> KyrosError:
    """The error for an answer that is not the API's."""
    url = response.request.url
    kind = response.headers.get("Content-Type", "no content type")
    moved = response.headers.get("Location")
    message = (
        f"What answered at {url.scheme}://{url.netloc.decode()} is not the Kyros API ({kind}). "
        "Check base_url (or KYROS_API_URL)."
    )
    if moved:
        message += f" It redirects to {moved}, which is not followed: the key would go along."
    return _error(response, message, "unreadable_answer", {})


def _error(response: httpx.Response, message: str, code: str, answer: Dict[str, Any]) -> KyrosError:
    status = response.status_code
    request_id = answer.get("request_id")
    known: Dict[str, Any] = {
        "status": status,
        "code": code,
        "request_id": request_id
        if isinstance(request_id, str)
        else response.headers.get("X-Request-Id"),
        "retry_after": _retry_after(response),
    }
    found = _CLASSES.get(status)
    if found is not None:
        return found(message, **known)
    if _ERROR <= status < _SERVER_ERROR:
        return ValidationError(message, fields=_fields(answer), **known)
    return ServerError(message, **known)


def _retry_after(response: httpx.Response) -> Optional[float]:
    return retry.retry_after(response.headers.get("Retry-After", ""), time.time())


def _fields(answer: Dict[str, Any]) -> List[WrongField]:
    details = answer.get("details")
    return [
        WrongField(str(wrong.get("field")), str(wrong.get("message")))
        for wrong in (details if isinstance(details, list) else [])
        if isinstance(wrong, dict)
    ]
