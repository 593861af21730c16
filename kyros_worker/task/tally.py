"""What the replays of many tasks add up to (pure)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from kyros_worker.task.replay import KINDS, Call, Found, History, Kind, Replayed


@dataclass
class _Times:
    """In how many tasks, and how often at all."""

    tasks: int = 0
    times: int = 0


@dataclass
class Tally:
    """What became of many tasks; memory for as many rules as there are, not tasks."""

    tasks: int = 0
    #: By rule and kind, with the other rules and really.
    by_rule: dict[tuple[str, Kind], tuple[_Times, _Times]] = field(default_factory=dict)
    kinds: dict[Kind, tuple[_Times, _Times]] = field(default_factory=dict)
    requested_tasks: int = 0
    #: USD.
    spent: Decimal = Decimal(0)
    premium_spent: Decimal = Decimal(0)
    added: Decimal = Decimal(0)
    spared: Decimal = Decimal(0)
    premium_spared: Decimal = Decimal(0)
    if_approved: Decimal = Decimal(0)
    #: What is not known.
    unpriced_calls: int = 0
    premium_passes: int = 0
    passes_if_approved: int = 0
    instead_of_premium: int = 0
    left_tasks: int = 0

    def add(self, history: History, replayed: Replayed) -> None:
        """Counts a task."""
        self.tasks += 1
        self.requested_tasks += any(one.by == "person" for one in history.asked)
        for side, found in enumerate((replayed.would, replayed.really)):
            self._count(side, found)
        calls = [call for one in history.passes for call in one.calls]
        self.unpriced_calls += sum(call.cost_usd is None for call in calls)
        self.spent += _sum(call.cost_usd for call in calls)
        self.premium_spent += _sum(_premium_costs(calls))
        self.added += _sum(replayed.added)
        self.premium_passes += replayed.added.count(None)
        self.spared += _sum(call.cost_usd for call in replayed.spared)
        self.premium_spared += _sum(_premium_costs(replayed.spared))
        self.if_approved += _sum(replayed.if_approved)
        self.passes_if_approved += replayed.if_approved.count(None)
        self.instead_of_premium += replayed.instead_of_premium
        self.left_tasks += replayed.left

    def shown(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        difference = self.added - self.spared
        return {
            "tasks": self.tasks,
            "requested_by_people": self.requested_tasks,
            **{
                name: {kind: vars(self._times(self.kinds, kind)[side]) for kind in KINDS}
                for side, name in enumerate(("would", "really"))
            },
            "by_rule": [
                {"rule": rule, "kind": kind, "would": vars(would), "really": vars(really)}
                for (rule, kind), (would, really) in sorted(self.by_rule.items())
            ],
            "cost": {
                "currency": "USD",
                "estimate": True,
                "really": float(self.spent),
                "would": float(self.spent + difference),
                "difference": float(difference),
                "premium_really": float(self.premium_spent),
                "premium_would": float(self.premium_spent + self.added - self.premium_spared),
                "if_asked_were_approved": float(self.if_approved),
            },
            "not_known": {
                "premium_passes": self.premium_passes,
                "passes_if_approved": self.passes_if_approved,
                "economy_instead_of_premium": self.instead_of_premium,
                "tasks_with_other_answers": self.left_tasks,
                "unpriced_calls": self.unpriced_calls,
            },
        }

    def _count(self, side: int, found: list[Found]) -> None:
        for one in found:
            self._times(self.by_rule, (one.rule, one.kind))[side].times += 1
            self._times(self.kinds, one.kind)[side].times += 1
        for one in set(found):
            self._times(self.by_rule, (one.rule, one.kind))[side].tasks += 1
        for kind in {one.kind for one in found}:
            self._times(self.kinds, kind)[side].tasks += 1

    @staticmethod
    def _times(of: dict[Any, tuple[_Times, _Times]], key: Any) -> tuple[_Times, _Times]:
        return of.setdefault(key, (_Times(), _Times()))


def _premium_costs(calls: Iterable[Call]) -> Iterator[Decimal | None]:
    return (call.cost_usd for call in calls if call.tier == "premium")


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount for amount in amounts if amount is not None), Decimal(0))
