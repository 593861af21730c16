"""Why a call to a model gave no usable answer."""

from dataclasses import dataclass

from kyros_worker.words import ErrorKind

__all__ = ["ErrorKind", "Failure"]


@dataclass(frozen=True)
class Failure:
    """A failed call, sorted at the source: worth another try or not.

    `retry_after` is the provider's wish in seconds, where it told one.
    """

    kind: ErrorKind
    message: str
    retryable: bool
    retry_after: float | None = None
