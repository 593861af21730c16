"""What the escalation rules say of one moment of a task: the first that matches decides.

Pure: the situation is stored as it was, so that other rules can be tried on it later.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from decimal import Decimal
from typing import Any, Literal, Self

from kyros_worker.reason import over_limit, reason
from kyros_worker.rules import Moment, OnTimeout, Outcome, Rule, When
from kyros_worker.words import Complexity, ErrorKind, Priority, Role

Scope = Literal["task", "key_day", "day"]
Approval = Literal["automatic", "person"]
#: A figure as it was compared: `figure`, `value`, `comparison`, `limit` and whether it was `met`.
#: JSON-able; money is a string, exact.
Figure = dict[str, Any]


@dataclass(frozen=True)
class Situation:
    """What rules see of one moment; a figure that is not known is None."""

    moment: Moment
    priority: Priority
    type: str
    complexity: Complexity | None
    role: Role
    #: Of the answer that just came: its own confidence; the critic's score, where the critic gave
    #: it; whether its role refused what it judged (`refuse` or `no_go`; None for a draft).
    confidence: float | None = None
    score: float | None = None
    refused: bool | None = None
    #: How often the draft was sent back and revised.
    revisions: int | None = None
    #: How many tries of the submission failed, with the one that just did, and by what.
    failed_tries: int | None = None
    error_kind: ErrorKind | None = None

    def after_answer(self, revisions: int, answer: Mapping[str, Any]) -> Self:
        """What rules see when the work that began here was answered."""
        decision = answer.get("decision")
        return replace(
            self,
            moment="answer",
            revisions=revisions,
            confidence=answer.get("confidence"),
            score=answer.get("score"),
            refused=None if decision is None else decision in ("refuse", "no_go"),
        )

    def after_failure(self, revisions: int, failed_tries: int, error_kind: Any) -> Self:
        """What rules see when a try of the work that began here failed."""
        return replace(
            self,
            moment="failure",
            revisions=revisions,
            failed_tries=failed_tries,
            error_kind=error_kind,
        )

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON, to be kept."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """What was kept, by this version or another: what is unknown to it is left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in kept.items() if name in known})


@dataclass(frozen=True)
class Spending:
    """What was spent within one budget, reservations included, and its limits, in USD."""

    scope: Scope
    spent: Decimal
    soft: Decimal | None = None
    hard: Decimal | None = None


@dataclass(frozen=True)
class Budget:
    """What the premium tier would cost, where that is known, and the budgets that apply."""

    estimated_cost_usd: Decimal | None
    spending: tuple[Spending, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What a rule decided, why, and how it is approved."""

    #: The rule's name.
    rule: str
    outcome: Outcome
    #: Whether a person must approve it. Always `automatic` for `fail`, which nobody approves.
    approval: Approval
    #: One sentence that a person reads.
    reason: str
    figures: tuple[Figure, ...]
    four_eyes: bool
    timeout_seconds: int
    on_timeout: OnTimeout
    #: USD, the most that the premium call may cost; None where that is not known or not asked.
    estimated_cost_usd: Decimal | None = None

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON, to be kept."""
        cost = self.estimated_cost_usd
        estimated = None if cost is None else f"{cost:f}"
        return {**asdict(self), "figures": list(self.figures), "estimated_cost_usd": estimated}


def decide(rules: Sequence[Rule], situation: Situation, budget: Budget) -> Verdict | None:
    """What the first matching rule says; None where none matches.

    Rules are asked about economy work only. A rule is looked at in its moments alone
    (`Rule.moments`), and matches when all its conditions hold; an unknown figure meets none.

    A person must approve what the rule wants asked, and an escalation whose estimated cost is above
    the rule's `max_cost_usd` or would pass a limit of a budget. An unknown cost is within no limit;
    a cost of 0 passes none.
    """
    for rule in rules:
        if situation.moment not in rule.moments:
            continue
        figures = tuple(_compared(rule.when, situation))
        if all(figure["met"] for figure in figures):
            return _verdict(rule, situation, budget, figures)
    return None


def _compared(when: When, situation: Situation) -> Iterator[Figure]:
    for condition, asked in when.conditions.items():
        figure = condition.removesuffix("_below")
        value = getattr(situation, figure)
        match condition:
            case "confidence_below" | "score_below":
                comparison, met = "below", value is not None and value < asked
            case "revisions" | "failed_tries":
                comparison, met = "at least", value is not None and value >= asked
            case "refused":
                comparison, met = "is", value is asked
            case _:
                comparison, met = "one of", value in asked
        limit = list(asked) if isinstance(asked, tuple) else asked
        yield _figure(figure, value, comparison, limit, met=met)


def _verdict(
    rule: Rule, situation: Situation, budget: Budget, figures: tuple[Figure, ...]
) -> Verdict:
    limits = tuple(_limits(rule, budget))
    over = next((limit for limit in limits if not limit["met"]), None)
    because = reason(rule.when, situation.to_json())
    return Verdict(
        rule=rule.name,
        outcome=rule.then,
        approval="person" if rule.then == "ask" or over else "automatic",
        reason=f"{because}; {over_limit(over)}." if over else f"{because}.",
        figures=figures + limits,
        four_eyes=rule.four_eyes,
        timeout_seconds=rule.timeout_seconds,
        on_timeout=rule.on_timeout,
        estimated_cost_usd=budget.estimated_cost_usd if rule.then != "fail" else None,
    )


def approval(rule: Rule, budget: Budget) -> Approval:
    """Whether what the rule wants is approved without a person."""
    within = all(limit["met"] for limit in _limits(rule, budget))
    return "automatic" if within and rule.then != "ask" else "person"


def _limits(rule: Rule, budget: Budget) -> Iterator[Figure]:
    """The amounts that an approval without a person must stay within."""
    if rule.then not in ("start_on_premium", "escalate"):
        return
    cost = budget.estimated_cost_usd
    if rule.max_cost_usd is not None:
        yield _amount("estimated_cost_usd", cost, rule.max_cost_usd)
    for spending in budget.spending:
        after = None if cost is None else spending.spent + cost
        for name, limit in (("soft", spending.soft), ("hard", spending.hard)):
            if limit is not None:
                figure = f"budgets.{spending.scope}.{name}"
                yield _amount(figure, after, limit, free=cost == 0)


def _amount(name: str, value: Decimal | None, limit: Decimal, *, free: bool = False) -> Figure:
    met = free or (value is not None and value <= limit)
    return _figure(name, None if value is None else f"{value:f}", "at most", f"{limit:f}", met=met)


def _figure(name: str, value: Any, comparison: str, limit: Any, *, met: bool) -> Figure:
    return {"figure": name, "value": value, "comparison": comparison, "limit": limit, "met": met}
