"""How much may be spent, in USD: the `[budgets]` of the configuration's file."""

from decimal import Decimal
from typing import Literal

from pydantic import ValidationInfo, field_validator

from kyros_worker.toml_table import TomlTable, Usd


class Limits(TomlTable):
    """A budget's two limits, each only where it is set.

    Over the soft one an escalation needs a person; past the hard one nothing is spent.
    """

    soft: Usd | None = None
    hard: Usd | None = None

    @property
    def are_set(self) -> bool:
        """Whether there is any limit."""
        return self.soft is not None or self.hard is not None

    @field_validator("hard")
    @classmethod
    def _above_soft(cls, hard: Decimal | None, info: ValidationInfo) -> Decimal | None:
        soft = info.data.get("soft")
        if hard is not None and soft is not None and hard < soft:
            raise ValueError(f"must not be below soft, which is {soft:f}")
        return hard


class TaskLimits(Limits):
    """A task's own budget."""

    #: What happens to a task that comes to its hard limit: a person is asked, or it fails.
    at_hard_limit: Literal["ask", "fail"] = "ask"

    @field_validator("at_hard_limit")
    @classmethod
    def _has_a_limit(cls, value: str, info: ValidationInfo) -> str:
        if "hard" in info.data and info.data["hard"] is None:
            raise ValueError("means nothing where `hard` is not set")
        return value


class Budgets(TomlTable):
    """What a task may cost, and what a key and the deployment may spend on a day (UTC)."""

    task: TaskLimits = TaskLimits()
    key_day: Limits = Limits()
    day: Limits = Limits()

    @property
    def hard_limits(self) -> dict[str, Decimal]:
        """The hard limits that are set, by the setting's name."""
        limits = {"task": self.task, "key_day": self.key_day, "day": self.day}
        return {
            f"budgets.{scope}.hard": limit.hard
            for scope, limit in limits.items()
            if limit.hard is not None
        }
