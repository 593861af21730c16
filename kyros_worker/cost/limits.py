"""What budgets decide (pure): which limit leaves no room for a call, and what is to be told."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from kyros_worker.budgets import Budgets, Limits

LimitName = Literal["task", "key_day", "day"]

_LONGEST_PAUSE_SECONDS = 600
#: Where only calls that are still running fill a limit: soon some of it will be free.
_SHORT_PAUSE_SECONDS = 30
#: So long, in all, waiting for a budget doesn't count against a task's deadline.
MOST_WAIT_SECONDS = 7 * 86_400

#: The scope of what is spent by all; and how that of what a credential's tasks cost begins.
SCOPE_OF_ALL = "day"
SCOPE_OF_ONE = "key:"
_OWN = "own:"
_WORDS: dict[LimitName, str] = {"task": "task's", "key_day": "key's day's", "day": "day's"}


@dataclass(frozen=True)
class OwnBudget:
    """What a key's tasks may cost on a day (UTC) at most, in USD, whatever `budgets.key_day` says.

    `since` is when the key was given one where it had none: the counting begins anew with it.
    """

    hard: Decimal
    since: datetime


@dataclass(frozen=True, order=True)
class Counter:
    """What is spent on a day (UTC) in a mode: by all (scope `day`) or by one.

    One's scope is `key:` and who made the tasks; where that key has a budget of its own, `own:`,
    the key and since when.
    """

    mode: str
    scope: str
    day: date

    @property
    def limit(self) -> LimitName:
        """Which limit it counts to."""
        return "day" if self.scope == SCOPE_OF_ALL else "key_day"

    @property
    def created_by(self) -> str | None:
        """Whose tasks it counts; None for everybody's."""
        if self.scope.startswith(_OWN):
            return self.scope.split(":")[1]
        return None if self.scope == SCOPE_OF_ALL else self.scope.removeprefix(SCOPE_OF_ONE)


@dataclass(frozen=True)
class Standing:
    """A counter with its limits, and what it holds in USD."""

    counter: Counter
    limits: Limits
    amount: Decimal


@dataclass(frozen=True)
class Refusal:
    """A hard limit that leaves no room for a call, in USD. `counter` is None for a task's.

    `needed` is None where the call's model has no price: then no limit could be kept.
    """

    limit: LimitName
    hard: Decimal
    spent: Decimal
    needed: Decimal | None
    counter: Counter | None = None

    @property
    def sentence(self) -> str:
        """Why there is no call, with the figures."""
        if self.needed is None:
            return (
                f"The {_WORDS[self.limit]} budget of {self.hard:f} USD can't be kept: the next "
                "call's model has no known price. Set it in [prices] of the configuration."
            )
        return (
            f"The {_WORDS[self.limit]} budget of {self.hard:f} USD leaves no room for the next "
            f"call: {self.spent:f} USD are spent or reserved, and it may need {self.needed:f} USD."
        )


def counters(
    budgets: Budgets, mode: str, created_by: str, own: OwnBudget | None, day: date
) -> dict[Counter, Limits]:
    """What a call counts to that began on this day (UTC), with the limits, as far as one is set.

    `own` is the budget of the key `created_by`, where it has one. Meanwhile what `budgets.key_day`
    counts is counted on, without a limit: it holds again as soon as the key's own is taken away.
    """
    found = {}
    if budgets.day.are_set:
        found[Counter(mode, SCOPE_OF_ALL, day)] = budgets.day
    if budgets.key_day.are_set:
        limits = budgets.key_day if own is None else Limits()
        found[Counter(mode, f"{SCOPE_OF_ONE}{created_by}", day)] = limits
    if own is not None:
        scope = f"{_OWN}{created_by}:{own.since.isoformat()}"
        found[Counter(mode, scope, day)] = _own_limits(budgets.key_day, own.hard)
    return found


def refusal_by_task(budgets: Budgets, spent: Decimal, needed: Decimal | None) -> Refusal | None:
    """Whether the task's own hard limit leaves no room; what costs nothing always goes on."""
    hard = budgets.task.hard
    if hard is None or _has_room(hard, spent, needed):
        return None
    return Refusal("task", hard, spent, needed)


def refusal_by_day(standings: Iterable[Standing], needed: Decimal | None) -> Refusal | None:
    """The first of a call's counters that leaves no room; what costs nothing always goes on."""
    for one in standings:
        hard = one.limits.hard
        if hard is not None and not _has_room(hard, one.amount, needed):
            return Refusal(one.counter.limit, hard, one.amount, needed, one.counter)
    return None


def pause_after(refusal: Refusal, open_usd: Decimal, at: datetime) -> int:
    """After how many seconds to ask a day's limit again; `open_usd` is what running calls hold.

    Ten minutes, but no later than midnight (UTC); half a minute where the limit is only full as
    long as these calls may still cost their most.
    """
    if _has_room(refusal.hard, refusal.spent - open_usd, refusal.needed):
        return _SHORT_PAUSE_SECONDS
    midnight = datetime.combine(at.date() + timedelta(days=1), datetime.min.time(), UTC)
    left = -((at - midnight) // timedelta(seconds=1))
    return min(_LONGEST_PAUSE_SECONDS, left)


def alerts(
    limits: Limits, counter: Counter, amount: Decimal, refused: Refusal | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What people are told about a counter, each with the key by which it is told once."""
    if limits.soft is not None and amount >= limits.soft:
        yield _alert(counter, "soft", limits.soft, amount)
    if refused is not None:
        message = None if refused.needed is not None else f"{refused.sentence} New calls wait."
        yield _alert(counter, "hard", refused.hard, amount, message)


def _has_room(hard: Decimal, spent: Decimal, needed: Decimal | None) -> bool:
    """Whether a call fits under a hard limit: never when nobody knows what it costs."""
    return needed is not None and (not needed or spent + needed <= hard)


def _own_limits(key_day: Limits, hard: Decimal) -> Limits:
    """The deployment's soft limit stays where it is below the key's own hard one."""
    below = key_day.soft is not None and key_day.soft < hard
    return Limits(soft=key_day.soft if below else None, hard=hard)


def _alert(
    counter: Counter,
    level: Literal["soft", "hard"],
    limit: Decimal,
    amount: Decimal,
    message: str | None = None,
) -> tuple[str, dict[str, Any]]:
    what = f"The {level} limit of the {_WORDS[counter.limit]} budget is reached"
    waits = " New calls wait." if level == "hard" else ""
    reached = f"{what}: {amount:f} of {limit:f} USD are spent or reserved.{waits}"
    data = {
        "kind": "budget",
        "message": message or reached,
        "mode": counter.mode,
        "day": counter.day.isoformat(),
        "limit": counter.limit,
        "level": level,
        "created_by": counter.created_by,
        "limit_usd": float(limit),
        "amount_usd": float(amount),
    }
    return f"budget {counter.mode} {counter.scope} {counter.day} {level}", data
