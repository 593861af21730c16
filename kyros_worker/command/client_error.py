"""What keeps the command line from getting its answer: one sentence each, safe to print."""

from typing import Any, Self

from kyros_worker.command.printable import line

_TOO_MANY = 429
_SERVER_ERROR = 500


class ClientError(Exception):
    """The request could not be made or answered."""


class UnreachableError(ClientError):
    """Nothing answers, or the connection broke."""


class ApiError(ClientError):
    """The API refused: its own sentence, and a line for each wrong field."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status

    @property
    def is_passing(self) -> bool:
        """Whether the same request may be answered later."""
        return self.status == _TOO_MANY or self.status >= _SERVER_ERROR

    @classmethod
    def of(cls, status: int, answer: dict[str, Any]) -> Self:
        """The error that an answer in the API's envelope tells.

        Raises KeyError or TypeError when it is in no such envelope.
        """
        sentence = line(answer["error"])
        wrong = [f"{line(one['field'])} {line(one['message'])}" for one in answer["details"]]
        # One wrong field is the whole sentence already.
        fields = [] if sentence in [f"{one}." for one in wrong] else [f"  {one}" for one in wrong]
        return cls("\n".join([sentence, *fields]), status)
