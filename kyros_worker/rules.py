"""Escalation rules: when the premium tier takes over, as data of the configuration's file.

What they lead to at one moment of a task is decided in `decide.py`.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from kyros_worker.toml_table import TomlTable, Usd
from kyros_worker.words import TASK_TYPE, Complexity, ErrorKind, Priority, Role

#: When rules are asked: before a role's work begins, after a valid answer, after a failed try.
Moment = Literal["start", "answer", "failure"]
Outcome = Literal["start_on_premium", "escalate", "ask", "fail"]
OnTimeout = Literal["reject", "accept_best"]

#: The conditions on what only an answer has, and on what only a failed try has.
_OF_ANSWERS = frozenset({"confidence_below", "score_below", "refused"})
_OF_FAILURES = frozenset({"failed_tries", "error_kind"})
#: Which outcomes an option says something of.
_MEANT_FOR: dict[str, tuple[Outcome, ...]] = {
    "max_cost_usd": ("start_on_premium", "escalate"),
    "four_eyes": ("start_on_premium", "escalate", "ask"),
    "timeout_seconds": ("start_on_premium", "escalate", "ask"),
    "on_timeout": ("escalate", "ask"),
}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def _some(words: Sequence[str]) -> Sequence[str]:
    if not words:
        raise ValueError("must name at least one")
    return words


def _binary(value: object) -> object:
    """The file's decimals as what the figures of answers are, so that both compare alike."""
    return float(value) if isinstance(value, Decimal) else value


_Named = AfterValidator(_some)
_Type = Annotated[str, StringConstraints(pattern=TASK_TYPE)]
_Threshold = Annotated[
    float, BeforeValidator(_binary), Field(strict=True, ge=0, le=1, allow_inf_nan=False)
]


class When(TomlTable):
    """The conditions of a rule, all of which must hold; one that is left out says nothing.

    A figure that is not known (no confidence was told, no try failed) meets no condition.
    """

    priority: Annotated[tuple[Priority, ...], _Named] | None = None
    #: Types are open: any word that a task's type may be.
    type: Annotated[tuple[_Type, ...], _Named] | None = None
    complexity: Annotated[tuple[Complexity, ...], _Named] | None = None
    #: Whose work it is.
    role: Annotated[tuple[Role, ...], _Named] | None = None
    #: The confidence of the answer itself.
    confidence_below: _Threshold | None = None
    #: The critic's score.
    score_below: _Threshold | None = None
    #: Whether the critic or the integrator refused what it judged.
    refused: StrictBool | None = None
    #: At least so many revisions of the draft were used.
    revisions: Annotated[StrictInt, Field(ge=0)] | None = None
    #: At least so many tries of the submission failed, with the one that just did.
    failed_tries: Annotated[StrictInt, Field(ge=1)] | None = None
    #: What the try that just failed failed by.
    error_kind: Annotated[tuple[ErrorKind, ...], _Named] | None = None

    @cached_property
    def conditions(self) -> dict[str, Any]:
        """Those that are set, by name."""
        every = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: asked for name, asked in every.items() if asked is not None}


class Rule(TomlTable):
    """What happens when conditions hold, and how an approval of it goes."""

    name: str
    then: Outcome
    when: When = Field(When(), validate_default=True)
    #: Up to this estimated cost it is approved at once; above it a person is asked.
    max_cost_usd: Usd | None = None
    #: Whether the key that asked for it may never approve it.
    four_eyes: StrictBool = False
    #: How long an approval is waited for; a task lives for 30 days at most.
    timeout_seconds: StrictInt = Field(14_400, ge=1, le=30 * 86_400)
    #: What a time-out does; `accept_best` takes the best answer there is as the result.
    on_timeout: OnTimeout = "reject"

    @field_validator("name")
    @classmethod
    def _slug(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("must be of lower-case letters, digits and hyphens, at most 64")
        if name == "task-budget":
            raise ValueError("is what the question about a task's own budget is called")
        return name

    @field_validator("when")
    @classmethod
    def _can_hold(cls, when: When, info: ValidationInfo) -> When:
        then, conditions = info.data.get("then"), when.conditions
        later = conditions.keys() & (_OF_ANSWERS | _OF_FAILURES | {"revisions"})
        if then == "start_on_premium" and later:
            raise ValueError(f"{min(later)} is not known at the start")
        if conditions.keys() & _OF_ANSWERS and conditions.keys() & _OF_FAILURES:
            both = min(conditions.keys() & _OF_ANSWERS), min(conditions.keys() & _OF_FAILURES)
            raise ValueError(f"{both[0]} is of an answer and {both[1]} of a failed try: never both")
        if then not in (None, "start_on_premium") and not conditions:
            raise ValueError(f"must set a condition, or every answer would lead to {then!r}")
        return when

    @field_validator(*_MEANT_FOR)
    @classmethod
    def _means_something(cls, value: object, info: ValidationInfo) -> object:
        then, option = info.data.get("then"), str(info.field_name)
        if then is not None and then not in _MEANT_FOR[option]:
            raise ValueError(f"means nothing where `then` is {then!r}")
        return value

    @cached_property
    def moments(self) -> tuple[Moment, ...]:
        """When the rule is asked."""
        conditions = self.when.conditions.keys()
        if self.then == "start_on_premium":
            return ("start",)
        if conditions & _OF_ANSWERS:
            return ("answer",)
        return ("failure",) if conditions & _OF_FAILURES else ("answer", "failure")


class Requests(TomlTable):
    """How a person's own request for the premium model is approved."""

    #: Up to this estimated cost it is approved at once; left out, always by a person.
    max_cost_usd: Usd | None = None
    #: Whether the key that asked may never approve it.
    four_eyes: StrictBool = False
    #: How long an approval is waited for.
    timeout_seconds: StrictInt = Field(14_400, ge=1, le=30 * 86_400)
    on_timeout: OnTimeout = "reject"


#: What holds where the file names no rules. `docs/reference/escalation-rules.md` tells them.
DEFAULT_RULES: tuple[Rule, ...] = (
    Rule(
        name="critical-and-complex",
        when=When(priority=("critical",), complexity=("high",)),
        then="start_on_premium",
    ),
    Rule(
        name="low-confidence",
        when=When(role=("implementer",), confidence_below=0.5),
        then="escalate",
    ),
    Rule(name="low-score", when=When(score_below=0.4, revisions=1), then="escalate"),
    Rule(name="refused-again", when=When(refused=True, revisions=2), then="escalate"),
    Rule(
        name="tries-exhausted",
        when=When(
            failed_tries=3,
            error_kind=("rate_limited", "server_error", "timeout", "connection", "invalid_output"),
        ),
        then="escalate",
    ),
    Rule(name="content-refused", when=When(error_kind=("content_refused",)), then="ask"),
)


def twice_named(rules: Sequence[Rule]) -> str | None:
    """The first name that two of the rules have."""
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            return rule.name
        seen.add(rule.name)
    return None
