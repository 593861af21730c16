"""How often a credential may ask, and how often an address may fail to sign in: by Flask-Limiter.

Where Redis does not answer, requests are let through, and counted
(docs/decisions/0018-rate-limits-fail-open.md).
"""

from functools import lru_cache
from typing import NoReturn

from flask import Flask, Response, current_app, g
from flask_limiter import Limiter
from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond, WindowStats
from limits.strategies import STRATEGIES

from api.client_address import client_address
from api.windows import NOT_COUNTED, STORAGE_OPTIONS, OneTripWindow, seconds_until
from kyros_worker.auth.subject import Subject
from kyros_worker.errors import TooManyRequestsError
from kyros_worker.monitoring.counters import Tally
from kyros_worker.monitoring.health import LET_THROUGH
from kyros_worker.settings import current
from kyros_worker.user.failures import network_of

#: Shorter than the minute that a limit is told for. Whoever sends no more than the limit in any
#: 60 s is never refused, though some requests take up to five seconds longer to come than others.
WINDOW_SECONDS = 55

_STRATEGY = "one-trip-window"

_let_through = Tally(LET_THROUGH)


def register(app: Flask) -> None:
    """Have the requests of callers who are known by then (`g.caller`) counted, and some refused.

    Raises ConfigurationError when there is no Redis to count in.
    """
    STRATEGIES[_STRATEGY] = OneTripWindow
    limiter = Limiter(
        _credential,
        app=app,
        strategy=_STRATEGY,
        storage_uri=current().required_redis_url(),
        storage_options=STORAGE_OPTIONS,
    )
    # Which limit counts is known here: to have it searched at every request costs as much again as
    # the trip to Redis.
    limiter.request_filter(lambda: True)
    app.before_request(_count_caller)
    app.after_request(_show)


def count_request(credential: str, own_limit: int | None = None) -> None:
    """Count a request of that credential, by the deployment's limit where it has none of its own.

    For those whom only its view got to know, on a path that is open to all; what registers here
    counts the others. Raises TooManyRequestsError when that is over the limit.
    """
    deployments = current().configuration.rate_limits.requests_per_minute
    amount = deployments if own_limit is None else own_limit
    if not amount:
        return
    limit, name = _limit_of_requests(amount), (credential, "requests")
    within = _limiter().limiter.hit(limit, *name)
    window = _window(limit, name)
    g.counted = limit, window
    if not within:
        seconds = seconds_until(window.reset_time)
        words = f"You may ask {limit.amount} times a minute; ask again in {seconds} s."
        _refuse(limit, window, words)


def refuse_failed_sign_ins(application_id: str | None = None) -> None:
    """Raises TooManyRequestsError when too many sign-ins have failed from the caller's address.

    To be called before a password or an application's secret is looked at. Tries that are made
    side by side are let through together. People (None) have one window, and each application its
    own, so that a program whose secret is old keeps nobody out who comes from the same address.
    """
    limit, name = _limit_of_sign_ins(), _sign_ins(application_id)
    if not limit.amount:
        return
    within = _limiter().limiter.test(limit, *name)
    window = _window(limit, name)
    if not within:
        seconds = seconds_until(window.reset_time)
        words = f"Too many sign-ins from your address have failed; try again in {seconds} s."
        _refuse(limit, window, words)


def count_failed_sign_in(application_id: str | None = None) -> None:
    """Count a sign-in of the caller's address that failed."""
    limit = _limit_of_sign_ins()
    if limit.amount:
        _limiter().limiter.hit(limit, *_sign_ins(application_id))


def _limiter() -> Limiter:
    limiter: Limiter
    (limiter,) = current_app.extensions["limiter"]
    return limiter


def _window(limit: RateLimitItem, name: tuple[str, ...]) -> WindowStats:
    """What was just seen of it; where Redis did not answer that is counted."""
    window: WindowStats = _limiter().limiter.get_window_stats(limit, *name)
    if window is NOT_COUNTED:
        _let_through.add()
    return window


def _credential() -> str:
    who: Subject = g.caller
    return who.credential


def _count_caller() -> None:
    who: Subject | None = g.get("caller")
    if who is not None:
        count_request(who.credential, who.rate_limit)


@lru_cache(maxsize=100)
def _limit_of_requests(amount: int) -> RateLimitItem:
    return RateLimitItemPerSecond(amount, WINDOW_SECONDS)


def _limit_of_sign_ins() -> RateLimitItem:
    limits = current().configuration.rate_limits
    return RateLimitItemPerMinute(limits.failed_sign_ins, limits.failed_sign_in_minutes)


def _sign_ins(application_id: str | None) -> tuple[str, ...]:
    """The name of the window of the caller's network."""
    network = network_of(client_address())
    if application_id is None:
        return "failed-sign-ins", network
    return "failed-sign-ins-of-programs", network, application_id


def _refuse(limit: RateLimitItem, window: WindowStats, words: str) -> NoReturn:
    headers = _headers(limit, window)
    headers["Retry-After"] = headers["RateLimit-Reset"]
    raise TooManyRequestsError(words, headers=headers)


def _show(response: Response) -> Response:
    """Put on the answer what is left of the limit by which its request was counted.

    What refused the request by another limit has said so itself.
    """
    limit, window = g.get("counted", (None, NOT_COUNTED))
    if limit is not None and window is not NOT_COUNTED:
        for name, value in _headers(limit, window).items():
            response.headers.setdefault(name, value)
    return response


def _headers(limit: RateLimitItem, window: WindowStats) -> dict[str, str]:
    return {
        "RateLimit-Limit": str(limit.amount),
        "RateLimit-Remaining": str(max(0, window.remaining)),
        "RateLimit-Reset": str(seconds_until(window.reset_time)),
    }
