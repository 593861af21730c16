"""Why a call to a model gave no usable answer."""

from dataclasses import dataclass
from typing import Literal

ErrorKind = Literal[
    "rate_limited", "server_error", "timeout", "connection", "content_refused", "invalid_output",
    "rejected",
]  # fmt: skip


@dataclass(frozen=True)
class Failure:
    """A failed call, sorted at the source: worth another try or not.

    `retry_after` is the provider's wish in seconds, where it told one.
    """

    kind: ErrorKind
    message: str
    retryable: bool
    retry_after: float | None = None
