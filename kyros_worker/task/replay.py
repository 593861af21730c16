"""What other rules would have made of tasks as they went (pure).

The history of a task is played again, pass by pass: at each moment at which rules are asked, other
rules are asked instead. No model is called, so what was never answered stays unknown:

- the passes of a run stay those that there were. An escalation that other rules add repeats the
  pass that led to it on the premium tier, and the role's later passes are premium ones;
- what a pass would have cost there is what the tokens of its answer cost at the premium price;
- once a run has left its history, the answers in it would have been others: only starts are looked
  at from there on, for they depend on nothing but the task;
- a person's answer is never guessed: the history goes on as it did.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, Literal

from kyros_worker.decide import Budget, Situation, Verdict, decide
from kyros_worker.rules import Rule
from kyros_worker.task.workflow import Workflows, premium_target, roles_for
from kyros_worker.words import Role, Tier

Kind = Literal["started_on_premium", "escalated", "asked", "failed"]
KINDS: tuple[Kind, ...] = ("started_on_premium", "escalated", "asked", "failed")


@dataclass(frozen=True)
class Call:
    """A call that has ended; costs in USD, None where they are not known."""

    tier: Tier
    #: The claim of its pass that made it.
    claim: int
    state: str
    error_kind: str | None
    cost_usd: Decimal | None
    #: What the same tokens cost at the role's premium price.
    premium_usd: Decimal | None
    ended_at: datetime


@dataclass(frozen=True)
class Asked:
    """An escalation that there was."""

    id: str
    run: int
    role: Role
    by: Literal["rule", "person", "budget"]
    rule: str | None
    #: Whether nobody was asked about it.
    automatic: bool
    status: str
    estimated_cost_usd: Decimal | None
    created_at: datetime
    decided_at: datetime | None


@dataclass(frozen=True)
class Pass:
    """One pass of a role, with its calls in order."""

    run: int
    role: Role
    tier: Tier
    revision: int
    #: Whether a worker ever took it.
    started: bool
    #: `confidence`, `score` and `decision`; None where it did not end with an answer.
    answer: dict[str, Any] | None
    #: The rule that ended the task after it.
    failed_by: str | None
    #: The escalation that it is the first premium pass of.
    asked: Asked | None
    created_at: datetime
    calls: tuple[Call, ...] = ()

    @property
    def raised(self) -> bool:
        """Whether it waited as an economy pass, and a rule started it on premium."""
        asked = self.asked
        return asked is not None and asked.by == "rule" and asked.created_at > self.created_at


@dataclass(frozen=True)
class History:
    """All that rules could see of a task, passes and escalations oldest first."""

    priority: Any
    type: str
    complexity: Any
    assignee_role: Role
    passes: tuple[Pass, ...]
    asked: tuple[Asked, ...] = ()


@dataclass(frozen=True)
class Found:
    """What a rule did once."""

    rule: str
    kind: Kind


@dataclass
class Replayed:
    """What became of one task; amounts in USD."""

    would: list[Found] = field(default_factory=list)
    really: list[Found] = field(default_factory=list)
    #: Passes that would have been made on premium beside those that were; None: no price known.
    added: list[Decimal | None] = field(default_factory=list)
    #: Calls that would not have been made.
    spared: list[Call] = field(default_factory=list)
    #: Premium passes among them, with nothing known of the economy work instead.
    instead_of_premium: int = 0
    #: What approving those who would have asked a person would add; None: no price known.
    if_approved: list[Decimal | None] = field(default_factory=list)
    #: Whether an answer that rules would have looked at is not known.
    left: bool = False


@dataclass(frozen=True)
class Setting:
    """What histories are played again with."""

    rules: Sequence[Rule]
    workflows: Workflows
    #: Whether a role has a premium model; without one no rule escalates it.
    has_premium: Callable[[Role], bool]


def replay(history: History, setting: Setting) -> Replayed:
    """Plays a task's history again with other rules."""
    replayed = Replayed(really=list(_really(history)))
    for _, passes in groupby(history.passes, key=lambda one: one.run):
        _Run(history, tuple(passes), setting, replayed).play()
    return replayed


def _really(history: History) -> Iterator[Found]:
    raised = {one.asked.id for one in history.passes if one.asked is not None and one.raised}
    for asked in history.asked:
        if asked.by == "rule" and asked.rule is not None:
            premium: Kind = "started_on_premium" if asked.id in raised else "escalated"
            yield Found(asked.rule, premium if asked.automatic else "asked")
    for one in history.passes:
        if one.failed_by is not None:
            yield Found(one.failed_by, "failed")


class _Run:
    """One run of a task, played again."""

    def __init__(
        self, history: History, passes: tuple[Pass, ...], setting: Setting, replayed: Replayed
    ) -> None:
        self._history = history
        self._passes = passes
        self._setting = setting
        self._replayed = replayed
        self._asked_really = [one for one in history.asked if one.run == passes[0].run]
        #: Roles for which a rule asked, and that work on premium, with the other rules.
        self._asked: set[Role] = set()
        self._premium: set[Role] = set()
        #: Whether a rule failed the task, and whether answers would have been others.
        self._failed = False
        self._left = False

    def play(self) -> None:
        for position, one in enumerate(self._passes):
            if self._failed:
                self._replayed.spared += one.calls
                continue
            if one.started and (one.tier == "economy" or one.raised):
                self._start(position)
            if one.tier == "premium":
                self._was_premium(one)
            elif one.role in self._premium:
                self._would_be_premium(position)
            else:
                self._end(position)

    def _start(self, position: int) -> None:
        one = self._passes[position]
        verdict = self._decide(self._begun(one.role), one.role, position)
        if verdict is None or not self._finds(verdict, one.role):
            return
        if one.tier == "economy" and (one.calls or not self._premium_next(position, one.role)):
            self._left = True

    def _was_premium(self, one: Pass) -> None:
        """A pass on premium: by a person, as the rules have it too, or not at all with them."""
        if one.asked is not None and one.asked.by == "person":
            self._asked.add(one.role)
            self._premium.add(one.role)
        elif one.role in self._asked:
            self._premium.add(one.role)
        if one.role not in self._premium:
            self._left = True
            self._replayed.spared += one.calls
            self._replayed.instead_of_premium += bool(one.calls)

    def _would_be_premium(self, position: int) -> None:
        one = self._passes[position]
        self._replayed.spared += one.calls
        # A pass that was repeated on premium is not made twice.
        if one.calls and not self._repeated(position):
            self._replayed.added.append(_on_premium(one.calls))

    def _end(self, position: int) -> None:
        one, replayed = self._passes[position], self._replayed
        roles = roles_for(
            self._setting.workflows, self._history.type, self._history.assignee_role, one.role
        )
        target = premium_target(roles, one.role, one.revision).role
        for call, situation in self._ends(one):
            if self._is_held(call.ended_at):
                continue
            if self._left:
                replayed.left |= target not in self._asked and self._may_match(situation)
                return
            verdict = self._decide(situation, target, position)
            if verdict is None:
                continue
            if verdict.outcome == "fail":
                replayed.would.append(Found(verdict.rule, "failed"))
                self._failed = True
            elif not self._finds(verdict, target):
                continue
            elif not self._premium_next(position, target):
                self._left = True
                replayed.added.append(self._newest(target, position))
            replayed.spared += one.calls[one.calls.index(call) + 1 :]
            return
        if one.failed_by is not None:
            # What the task would have gone on to is not known.
            self._left = replayed.left = True

    def _decide(self, situation: Situation, target: Role, position: int) -> Verdict | None:
        if target in self._asked:
            return None
        budget = Budget(self._estimate(target, position))
        verdict = decide(self._setting.rules, situation, budget)
        if verdict is None or verdict.outcome == "fail":
            return verdict
        return verdict if self._setting.has_premium(target) else None

    def _finds(self, verdict: Verdict, role: Role) -> bool:
        """Keeps what a rule wants; whether nobody is asked, and the role goes to premium."""
        self._asked.add(role)
        if verdict.approval == "person":
            self._replayed.would.append(Found(verdict.rule, "asked"))
            if not any(one.tier == "premium" and one.role == role for one in self._passes):
                estimated = self._estimate(role, len(self._passes) - 1)
                self._replayed.if_approved.append(estimated)
            return False
        starts = verdict.outcome == "start_on_premium"
        kind: Kind = "started_on_premium" if starts else "escalated"
        self._replayed.would.append(Found(verdict.rule, kind))
        self._premium.add(role)
        return True

    def _begun(self, role: Role) -> Situation:
        task = self._history
        return Situation("start", task.priority, task.type, task.complexity, role)

    def _ends(self, one: Pass) -> Iterator[tuple[Call, Situation]]:
        """Each failed try and the answer, as rules saw them, with the call that ended them."""
        begun, tries = self._begun(one.role), 0
        call: Call | None = None
        for _, calls in groupby(one.calls, key=lambda each: each.claim):
            *_, call = calls
            if call.state == "failed":
                tries += 1
                yield call, begun.after_failure(one.revision, tries, call.error_kind)
        if one.answer is not None and call is not None:
            yield call, begun.after_answer(one.revision, one.answer)

    def _is_held(self, at: datetime) -> bool:
        """Whether somebody's own request was open then: no rule is asked meanwhile."""
        return any(
            asked.by == "person" and asked.created_at <= at <= self._carried_out(asked, at)
            for asked in self._asked_really
        )

    def _carried_out(self, asked: Asked, at: datetime) -> datetime:
        if asked.status == "rejected":
            return asked.decided_at or at
        passes = (one for one in self._passes if one.asked is not None)
        return next((one.created_at for one in passes if one.asked == asked), at)

    def _may_match(self, situation: Situation) -> bool:
        return any(situation.moment in rule.moments for rule in self._setting.rules)

    def _premium_next(self, position: int, role: Role) -> bool:
        following = self._passes[position + 1 : position + 2]
        return any(one.tier == "premium" and one.role == role for one in following)

    def _repeated(self, position: int) -> bool:
        """Whether it is the role's last economy pass before its first premium one."""
        role = self._passes[position].role
        later = [one for one in self._passes[position + 1 :] if one.role == role and one.calls]
        return bool(later) and later[0].tier == "premium"

    def _estimate(self, role: Role, position: int) -> Decimal | None:
        """The estimate that was kept; else what the role's newest answer would have cost."""
        kept = (one.estimated_cost_usd for one in self._asked_really if one.role == role)
        return next((cost for cost in kept if cost is not None), self._newest(role, position))

    def _newest(self, role: Role, position: int) -> Decimal | None:
        for one in reversed(self._passes[: position + 1]):
            if one.role == role and one.tier == "economy" and one.calls:
                return _on_premium(one.calls)
        return None


def _on_premium(calls: Sequence[Call]) -> Decimal | None:
    """What the newest answer among them, well-formed or not, would have cost on premium."""
    for call in reversed(calls):
        if call.state == "completed" or call.error_kind == "invalid_output":
            return call.premium_usd
    return None
