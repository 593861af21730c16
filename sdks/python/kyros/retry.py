"""Whether a request is sent again, and after which pause (pure)."""

import re
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Optional

from kyros.errors import APIConnectionError, APITimeoutError, KyrosError

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 8.0
#: A longer `Retry-After` is the caller's to decide on.
_LONGEST_RETRY_AFTER = 60.0
#: The API sends a comment this often in a quiet stream.
_HEARTBEAT = 10.0
_CONFLICT = 409
_TOO_MANY = 429
_SERVER_ERROR = 500


def pause(error: KyrosError, tries: int, max_retries: int, chance: float) -> Optional[float]:
    """The seconds before the next try after `tries` earlier ones; None when there is none.

    `chance` is a random number from 0 to 1: clients that failed together don't come together.
    """
    asked = error.retry_after or 0.0
    if tries >= max_retries or asked > _LONGEST_RETRY_AFTER or not _passes(error):
        return None
    # Ten doublings are past the longest pause; a thousand would be past the largest float.
    usual = min(_FIRST_PAUSE * 2.0 ** min(tries, 10), _LONGEST_PAUSE) * (1 + chance) / 2
    return max(usual, asked * (1 + chance / 10))


def begins_anew(error: KyrosError, lived: float) -> bool:
    """Whether a quiet stream that ended so was good, and its tries are counted anew.

    `lived` are the seconds from the answer's beginning to the stream's end: a heartbeat at least,
    and not in silence.
    """
    return lived >= _HEARTBEAT and not isinstance(error, APITimeoutError)


def retry_after(value: str, now: float) -> Optional[float]:
    """The seconds that a `Retry-After` asks for: a number, or a date (RFC 9110, 10.2.3).

    `now` is in seconds since 1970. None for what is neither.
    """
    if re.fullmatch("[0-9]{1,9}", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, moment.timestamp() - now)


def _passes(error: KyrosError) -> bool:
    """Whether the same request may be answered later; a POST is safe under its Idempotency-Key."""
    if isinstance(error, APIConnectionError):
        return True
    status = error.status or 0
    # A 409 that says when to come back: the same request is at work this moment.
    waits = status == _CONFLICT and error.retry_after is not None
    return waits or status == _TOO_MANY or status >= _SERVER_ERROR
