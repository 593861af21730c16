"""How `metadata.sandbox` steers the sandbox model: checked at intake, read at each call.

A value stands at the top level (every call), in a tier's object or in a role's; a role's beats a
tier's, a tier's beats the top level's. Null means absent.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

from kyros_worker.errors import FieldError
from kyros_worker.model.catalog import TIERS, Tier
from kyros_worker.model.storable import shortened
from kyros_worker.settings import ROLES, Role

SandboxError = Literal[
    "rate_limited", "server_error", "timeout", "content_refused", "invalid_output"
]
Decision = Literal["go", "no_go"]

_SECTIONS: tuple[str, ...] = (*TIERS, *ROLES)
#: Far over any real call; above it, costs would no longer fit their column.
_MOST_TOKENS = 10_000_000
_MOST_TIMES = 1_000_000
_MOST_ERRORS = 50


class Call(Protocol):
    """A call that has ended: who made it, and on which tier."""

    @property
    def role(self) -> Role:
        """The role that called."""

    @property
    def tier(self) -> Tier:
        """The tier that it called on."""


@dataclass(frozen=True)
class Steering:
    """What one call of the sandbox does. Token counts of None are counted from the text.

    `error_scope` is where `error` stood: the calls that `error_times` counts are those of that
    tier or role, or all of the task's (None).
    """

    confidence: float = 0.9
    score: float = 0.9
    refusals: int = 0
    error: SandboxError | None = None
    error_times: int = 1
    error_scope: str | None = None
    decision: Decision = "go"
    delay_seconds: float = 0.3
    input_tokens: int | None = None
    output_tokens: int | None = None

    def error_now(self, earlier: Iterable[Call]) -> SandboxError | None:
        """The error that the next call fails with, given the task's calls that have ended."""
        if self.error is None:
            return None
        counted = sum(1 for call in earlier if self.error_scope in (None, call.role, call.tier))
        return self.error if counted < self.error_times else None


def check(metadata: Mapping[str, Any]) -> list[FieldError]:
    """Every wrong value and unknown key in `metadata["sandbox"]`, the first 50 of them."""
    sandbox = metadata.get("sandbox")
    if sandbox is None:
        return []
    if not isinstance(sandbox, dict):
        return [FieldError("metadata.sandbox", "must be an object")]
    wrong = list(_wrong_values("metadata.sandbox", sandbox, (*_RULES, *_SECTIONS)))
    for name in _SECTIONS:
        section = sandbox.get(name)
        if isinstance(section, dict):
            wrong.extend(_wrong_values(f"metadata.sandbox.{name}", section, tuple(_RULES)))
        elif section is not None:
            wrong.append(FieldError(f"metadata.sandbox.{name}", "must be an object"))
    return wrong[:_MOST_ERRORS]


def steering(metadata: Mapping[str, Any], role: Role, tier: Tier) -> Steering:
    """What steers a call of this role on this tier; a value that `check` refuses is ignored."""
    sandbox = metadata.get("sandbox")
    if not isinstance(sandbox, dict):
        return Steering()
    found: dict[str, Any] = {}
    for scope in (None, tier, role):
        section = sandbox if scope is None else sandbox.get(scope)
        if not isinstance(section, dict):
            continue
        for key, rule in _RULES.items():
            value = section.get(key)
            if value is not None and rule.allows(value):
                found[key] = rule.read(value)
                if key == "error":
                    found["error_scope"] = scope
    return Steering(**found)


@dataclass(frozen=True)
class _Rule:
    words: str
    allows: Callable[[Any], bool]
    read: Callable[[Any], Any]


def _number(most: int) -> _Rule:
    def allows(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most

    return _Rule(f"must be a number from 0 to {most}", allows, float)


def _whole_number(most: int) -> _Rule:
    number = _number(most)
    return _Rule(
        f"must be a whole number from 0 to {most}",
        lambda value: number.allows(value) and value == int(value),
        int,
    )


def _one_of(words: tuple[str, ...]) -> _Rule:
    return _Rule(
        f"must be one of {', '.join(words)}",
        lambda value: isinstance(value, str) and value in words,
        str,
    )


_RULES: dict[str, _Rule] = {
    "confidence": _number(1),
    "score": _number(1),
    "refusals": _whole_number(_MOST_TIMES),
    "error": _one_of(get_args(SandboxError)),
    "error_times": _whole_number(_MOST_TIMES),
    "decision": _one_of(get_args(Decision)),
    "delay_seconds": _number(60),
    "input_tokens": _whole_number(_MOST_TOKENS),
    "output_tokens": _whole_number(_MOST_TOKENS),
}


def _wrong_values(
    place: str, section: dict[str, Any], known: tuple[str, ...]
) -> Iterator[FieldError]:
    for key, value in section.items():
        field = f"{place}.{shortened(key, 100)}"
        if key not in known:
            yield FieldError(field, f"is unknown; known here are {', '.join(known)}")
        elif key in _RULES and value is not None and not _RULES[key].allows(value):
            yield FieldError(field, _RULES[key].words)
