"""What was saved against using the premium model for everything (pure): an estimate."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Answer:
    """An answer that a task was completed with: what it cost, in USD, and would on premium.

    `premium_usd` is its cost where premium answered; None where no premium price is known.
    """

    cost_usd: Decimal
    premium_usd: Decimal | None


@dataclass(frozen=True)
class Savings:
    """What premium alone would have cost, and what all that was done did cost, in USD."""

    premium_only_usd: Decimal
    spent_usd: Decimal
    #: Answers that there is no premium price for: they count at their own cost, as if saving none.
    not_compared: int = 0

    @property
    def usd(self) -> Decimal:
        """What was saved; negative when the hybrid cost more."""
        return self.premium_only_usd - self.spent_usd

    @property
    def percentage(self) -> Decimal:
        """Of what premium alone would have cost; 0 where that is nothing."""
        if not self.premium_only_usd:
            return Decimal(0)
        return 100 * self.usd / self.premium_only_usd


def savings(answers: Iterable[Answer], spent_usd: Decimal) -> Savings:
    """What accepted answers saved against all that was spent, wasted calls included."""
    found = list(answers)
    alone = (one.cost_usd if one.premium_usd is None else one.premium_usd for one in found)
    missing = sum(one.premium_usd is None for one in found)
    return Savings(sum(alone, Decimal(0)), spent_usd, missing)
