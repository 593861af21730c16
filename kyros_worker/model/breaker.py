"""The circuit breaker of a model (pure): when it is called, and when it is left alone for a while.

It is `closed` while the model answers. Faults of its provider in a row open it; then nobody calls
the model for a while. After that it is `half_open`: one call at a time of the whole fleet, the
probe, asks whether the model is back. An answer closes it, a fault opens it again for longer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

from kyros_worker.model.failure import ErrorKind, Failure

State = Literal["closed", "open", "half_open"]

#: So many faults in a row open it.
MOST_FAULTS = 5
#: A fault that comes later than this after the one before begins a new row.
ROW_SECONDS = 600
#: How long it is open at first; twice as long after each failed probe, up to the longest.
FIRST_OPEN_SECONDS = 30
LONGEST_OPEN_SECONDS = 600
#: A provider's `Retry-After` is the time instead; an hour at most, as for a retry.
SHORTEST_RETRY_AFTER_SECONDS = 1
LONGEST_RETRY_AFTER_SECONDS = 3600
#: Who finds the probe under way asks again after this.
PROBE_PAUSE_SECONDS = 15

#: What says that the provider is in trouble. All else, a refusal too, says that it answers.
_FAULTS: frozenset[ErrorKind] = frozenset({"rate_limited", "server_error", "timeout", "connection"})

Model = TypeVar("Model")


@dataclass(frozen=True)
class Breaker:
    """How a model stands. A model of which nothing is known is a `Breaker()`: closed."""

    #: Faults in a row, up to the one that opened it.
    faults: int = 0
    last_fault_at: datetime | None = None
    #: Since when it has not been closed.
    opened_at: datetime | None = None
    #: How often it was opened since it was closed.
    openings: int = 0
    #: When the next probe may begin; None while it is closed.
    open_until: datetime | None = None
    #: The newest call that was let through as a probe; it need not be running any more.
    probe_call_id: str | None = None
    #: What the last fault of the row was, and its sentence; None when there is none.
    error_kind: str | None = None
    error: str | None = None

    @property
    def is_closed(self) -> bool:
        """Whether every call is let through."""
        return self.open_until is None


def is_fault(kind: str | None) -> bool:
    """Whether a failure of this kind (None: there was an answer) speaks against the provider."""
    return kind in _FAULTS


def state(breaker: Breaker, at: datetime) -> State:
    """The word for how a breaker stands at a time."""
    if breaker.open_until is None:
        return "closed"
    return "open" if at < breaker.open_until else "half_open"


def asked_again_at(breaker: Breaker, at: datetime, *, probing: bool) -> datetime | None:
    """When a call that is not let through now asks again; None where it is let through.

    `probing` is whether the probe is still running. A call that is let through while the breaker is
    not closed is the probe: it must be kept as such, by `probed_by`, before it begins.
    """
    if breaker.open_until is None:
        return None
    if at < breaker.open_until:
        return breaker.open_until
    return at + timedelta(seconds=PROBE_PAUSE_SECONDS) if probing else None


def probed_by(breaker: Breaker, call_id: str) -> Breaker:
    """The breaker whose probe is this call."""
    return replace(breaker, probe_call_id=call_id)


def after_answer(breaker: Breaker, call_id: str) -> Breaker:
    """What an answer changes: it ends a row of faults, and the probe's closes the breaker.

    A call that began before the breaker opened says nothing of how the model is now.
    """
    return Breaker() if breaker.is_closed or breaker.probe_call_id == call_id else breaker


def after_fault(breaker: Breaker, call_id: str, failure: Failure, at: datetime) -> Breaker:
    """What a fault changes: the last of a row opens the breaker, the probe's opens it again."""
    if not breaker.is_closed:
        return _opened(breaker, failure, at) if breaker.probe_call_id == call_id else breaker
    counted = _failed(replace(breaker, faults=_in_a_row(breaker, at) + 1), failure, at)
    return _opened(counted, failure, at) if counted.faults >= MOST_FAULTS else counted


def alert(model: str, before: Breaker, after: Breaker) -> dict[str, Any] | None:
    """What people are told of a model, `provider:name`, when its breaker opens or closes."""
    if before.is_closed == after.is_closed:
        return None
    about = {"mode": "live", "model": model}
    if after.is_closed:
        return {"kind": "provider_up", "message": f"{model} answers again.", **about}
    message = f"{model} is left alone for now: {after.faults} calls in a row failed, the last one: "
    failed = {"message": f"{message}{after.error}", "error_kind": after.error_kind}
    return {"kind": "provider_down", **failed, **about}


def next_in_order(models: Sequence[Model], failed: Model | None) -> list[Model]:
    """The models to ask, in order: behind one that has just failed begins the next, and it is last.

    Without one of them that failed, the order is as it is.
    """
    ordered = list(models)
    begin = ordered.index(failed) + 1 if failed in ordered else 0
    return ordered[begin:] + ordered[:begin]


def _in_a_row(breaker: Breaker, at: datetime) -> int:
    if breaker.last_fault_at is None:
        return 0
    late = at - breaker.last_fault_at > timedelta(seconds=ROW_SECONDS)
    return 0 if late else breaker.faults


def _failed(breaker: Breaker, failure: Failure, at: datetime) -> Breaker:
    return replace(breaker, last_fault_at=at, error_kind=failure.kind, error=failure.message)


def _opened(breaker: Breaker, failure: Failure, at: datetime) -> Breaker:
    return replace(
        _failed(breaker, failure, at),
        opened_at=breaker.opened_at or at,
        openings=breaker.openings + 1,
        open_until=at + timedelta(seconds=_open_seconds(breaker.openings, failure)),
        probe_call_id=None,
    )


def _open_seconds(openings: int, failure: Failure) -> float:
    """For how long it opens that was opened so often before."""
    asked = failure.retry_after
    if asked is not None and asked > 0:
        return min(max(asked, SHORTEST_RETRY_AFTER_SECONDS), LONGEST_RETRY_AFTER_SECONDS)
    # Bounded before it is doubled: the power of a long outage would be a number without end.
    doubled: int = FIRST_OPEN_SECONDS << min(openings, 10)
    return min(doubled, LONGEST_OPEN_SECONDS)
