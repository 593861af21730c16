"""What can go wrong, by what the caller can do about it; one sentence each, safe to print."""

from typing import List, NamedTuple, Optional, Sequence


class WrongField(NamedTuple):
    """A field of the request that the API refused, and why."""

    field: str
    message: str


class KyrosError(Exception):
    """The API refused, or could not be asked.

    `message` says what is wrong in one sentence, the API's own where it answered; `str()` tells
    more after it. `status` is the answer's HTTP status, None without an answer; `code` a stable
    word; `request_id` what finds the request in the logs; `retry_after` the seconds after which the
    API said to ask again.
    """

    #: What to do about it, told after the API's own sentence.
    advice = ""

    def __init__(
        self,
        message: str,
        *,
        status: Optional[int] = None,
        code: Optional[str] = None,
        request_id: Optional[str] = None,
        retry_after: Optional[float] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        known = [f"HTTP {self.status}" if self.status else None, self.code, self.request_id]
        told = ", ".join(word for word in known if word)
        return " ".join(
            part for part in (self.message, self.advice, f"[{told}]" if told else "") if part
        )


class AuthenticationError(KyrosError):
    """401: the API key is missing, unknown, expired or revoked."""

    advice = "Check the API key (api_key, or KYROS_API_KEY)."


class PermissionDeniedError(KyrosError):
    """403: the API key is good, but lacks the permission that the message names."""

    advice = "Use a key that has the permission; an admin can make one."


class NotFoundError(KyrosError):
    """404: it does not exist, or not in the key's mode (test or live)."""


class ConflictError(KyrosError):
    """409: not in the state that it is in, or the Idempotency-Key was used for another body."""


class ValidationError(KyrosError):
    """422, or another 4xx: what was sent must change. `fields` lists every wrong field."""

    def __init__(
        self,
        message: str,
        *,
        status: Optional[int] = None,
        code: Optional[str] = None,
        request_id: Optional[str] = None,
        retry_after: Optional[float] = None,
        fields: Sequence[WrongField] = (),
    ) -> None:
        super().__init__(
            message, status=status, code=code, request_id=request_id, retry_after=retry_after
        )
        self.fields: List[WrongField] = list(fields)

    def __str__(self) -> str:
        lines = [f"\n  {wrong.field}: {wrong.message}" for wrong in self.fields]
        return super().__str__() + "".join(lines)


class RateLimitError(KyrosError):
    """429: too many requests; `retry_after` says when to ask again."""

    advice = "Ask less often, or again after retry_after seconds."


class ServerError(KyrosError):
    """5xx, or an answer that is not the API's at all (code `unreadable_answer`)."""


class APIConnectionError(KyrosError):
    """No answer came, or only a part of it."""

    advice = "Check base_url (or KYROS_API_URL), and that Kyros runs there."


class APITimeoutError(APIConnectionError):
    """No answer came in time; from `wait`, the task was not final in time."""

    advice = ""
