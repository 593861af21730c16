"""What a token stands for, remembered for under two seconds in each process.

So a revoked token is refused everywhere within two seconds and a busy one costs one query in that
time. What ends at a time that was told before, an expiry or a rotated secret's overlap, ends then
to the moment. Unknown tokens are not remembered: a new one works at once.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kyros_worker.auth.subject import INVALID_CREDENTIAL, Subject
from kyros_worker.clock import now
from kyros_worker.errors import UnauthenticatedError

REMEMBERED_SECONDS = 1.5
_MOST = 10_000

#: Who it is, and when the token ends; None for never.
Found = tuple[Subject, datetime | None]


@dataclass(frozen=True)
class _Known:
    subject: Subject
    ends_at: datetime | None
    read_at: float


class Remembered:
    """Of one kind of tokens; `look_up` finds one by its hash, or says None."""

    def __init__(self, look_up: Callable[[str], Found | None]) -> None:
        self._look_up = look_up
        #: By the token's hash, so that no secret lies in memory for longer than its request.
        self._known: dict[str, _Known] = {}

    def subject(self, digest: str) -> Subject:
        """Who is calling with the token of that hash.

        Raises UnauthenticatedError, with the same sentence whatever is wrong with the token.
        """
        known = self._known.get(digest)
        if known is None or time.monotonic() - known.read_at > REMEMBERED_SECONDS:
            known = self._read(digest)
        if known is None or (known.ends_at is not None and known.ends_at <= now()):
            raise UnauthenticatedError(INVALID_CREDENTIAL)
        return known.subject

    def forget(self) -> None:
        """Forget every token of this process, as its end would."""
        self._known.clear()

    def _read(self, digest: str) -> _Known | None:
        self._known.pop(digest, None)
        read_at = time.monotonic()
        found = self._look_up(digest)
        if found is None:
            return None
        if len(self._known) >= _MOST:
            self._known.clear()
        known = self._known[digest] = _Known(*found, read_at)
        return known
