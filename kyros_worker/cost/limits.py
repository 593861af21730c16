"""What budgets decide (pure): which limit leaves no room for a call, and what is to be told."""

from collections.abc import Iterator, Mapping
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

_DAY = "day"
_KEY = "key:"
_WORDS: dict[LimitName, str] = {"task": "task's", "key_day": "key's day's", "day": "day's"}


@dataclass(frozen=True, order=True)
class Counter:
    """What is spent on a day (UTC) in a mode: by all (scope `day`) or by one (`key:…`)."""

    mode: str
    scope: str
    day: date

    @property
    def limit(self) -> LimitName:
        """Which limit it counts to."""
        return "day" if self.scope == _DAY else "key_day"

    @property
    def created_by(self) -> str | None:
        """Whose tasks it counts; None for everybody's."""
        return None if self.scope == _DAY else self.scope.removeprefix(_KEY)


@dataclass(frozen=True)
class Refusal:
    """A hard limit that leaves no room for a call, in USD. `counter` is None for a task's."""

    limit: LimitName
    hard: Decimal
    spent: Decimal
    needed: Decimal
    counter: Counter | None = None

    @property
    def sentence(self) -> str:
        """Why there is no call, with the figures."""
        return (
            f"The {_WORDS[self.limit]} budget of {self.hard:f} USD leaves no room for the next "
            f"call: {self.spent:f} USD are spent or reserved, and it may need {self.needed:f} USD."
        )


def counters(budgets: Budgets, mode: str, created_by: str, day: date) -> Iterator[Counter]:
    """What a call counts to that began on this day (UTC), as far as a limit is set."""
    if budgets.day.are_set:
        yield Counter(mode, _DAY, day)
    if budgets.key_day.are_set:
        yield Counter(mode, f"{_KEY}{created_by}", day)


def limits_of(budgets: Budgets, counter: Counter) -> Limits:
    """The limits of a counter."""
    return budgets.day if counter.limit == "day" else budgets.key_day


def refusal_by_task(budgets: Budgets, spent: Decimal, needed: Decimal) -> Refusal | None:
    """Whether the task's own hard limit leaves no room; what costs nothing always goes on."""
    hard = budgets.task.hard
    if hard is None or not needed or spent + needed <= hard:
        return None
    return Refusal("task", hard, spent, needed)


def refusal_by_day(
    budgets: Budgets, amounts: Mapping[Counter, Decimal], needed: Decimal
) -> Refusal | None:
    """The first of a call's counters that leaves no room; what costs nothing always goes on."""
    for counter, spent in amounts.items():
        hard = limits_of(budgets, counter).hard
        if needed and hard is not None and spent + needed > hard:
            return Refusal(counter.limit, hard, spent, needed, counter)
    return None


def soft_limit_reached(
    budgets: Budgets, task_spent: Decimal, amounts: Mapping[Counter, Decimal]
) -> LimitName | None:
    """The first soft limit that is reached: by the task, or a counter that its calls count to."""
    if budgets.task.soft is not None and task_spent >= budgets.task.soft:
        return "task"
    for counter, spent in amounts.items():
        soft = limits_of(budgets, counter).soft
        if soft is not None and spent >= soft:
            return counter.limit
    return None


def pause_after(refusal: Refusal, open_usd: Decimal, at: datetime) -> int:
    """After how many seconds to ask a day's limit again; `open_usd` is what running calls hold.

    Ten minutes, but no later than midnight (UTC); half a minute where the limit is only full as
    long as these calls may still cost their most.
    """
    if refusal.spent - open_usd + refusal.needed <= refusal.hard:
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
        yield _alert(counter, "hard", refused.hard, amount)


def _alert(
    counter: Counter, level: Literal["soft", "hard"], limit: Decimal, amount: Decimal
) -> tuple[str, dict[str, Any]]:
    what = f"The {level} limit of the {_WORDS[counter.limit]} budget is reached"
    waits = " New calls wait." if level == "hard" else ""
    data = {
        "kind": "budget",
        "message": f"{what}: {amount:f} of {limit:f} USD are spent or reserved.{waits}",
        "mode": counter.mode,
        "day": counter.day.isoformat(),
        "limit": counter.limit,
        "level": level,
        "created_by": counter.created_by,
        "limit_usd": float(limit),
        "amount_usd": float(amount),
    }
    return f"budget {counter.mode} {counter.scope} {counter.day} {level}", data
