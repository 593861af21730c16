"""When a delivery that failed is tried again (contract, "Webhooks"). Pure."""

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from kyros_worker.webhook_times import WebhookTimes

_JITTER = 0.2


def next_try(
    times: WebhookTimes,
    tries: int,
    since: datetime,
    at: datetime,
    *,
    chance: float,
    retry_after_seconds: float | None = None,
) -> datetime | None:
    """When to try again after so many tries, the last of which ended `at`; None to give up.

    `since` is when the round of tries began. `chance`, 0 to 1, places the pause within ± 20 % of
    the schedule's; `Retry-After` is respected between once and twice it. The last try falls on the
    end of the round rather than beyond it.
    """
    end = since + timedelta(seconds=times.give_up_seconds)
    if at >= end:
        return None
    step = times.retry_seconds[min(tries, len(times.retry_seconds)) - 1]
    pause = step * (1 - _JITTER + 2 * _JITTER * chance)
    if retry_after_seconds is not None:
        pause = max(pause, min(max(retry_after_seconds, step), 2 * step))
    return min(at + timedelta(seconds=pause), end)


def retry_after_seconds(value: str | None, at: datetime) -> float | None:
    """How long a `Retry-After` asks to wait: seconds, or a time (RFC 9110, 10.2.3); None if odd."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0, (parsedate_to_datetime(value) - at).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
