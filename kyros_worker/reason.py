"""Why a rule matched, in words for a person."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from kyros_worker.rules import When
from kyros_worker.words import ErrorKind

_FAILED_BY: dict[ErrorKind, str] = {
    "rate_limited": "at the provider's rate limit",
    "server_error": "by a fault of the provider",
    "timeout": "by a time-out",
    "connection": "by a broken connection",
    "content_refused": "because the model refused the content",
    "invalid_output": "by an answer that was not valid",
    "rejected": "because the provider rejected the request",
}
_BUDGETS = {"task": "the task", "key_day": "the key's day", "day": "the day"}


def reason(when: When, figures: Mapping[str, Any]) -> str:
    """The conditions that hold, with the figures that met them; no full stop yet."""
    conditions = when.conditions
    clauses = [*_of_answer(conditions, figures), *_of_failure(conditions, figures)]
    if "revisions" in conditions:
        used = _counted(figures["revisions"], "revision")
        if clauses:
            clauses[-1] += f" after {used}"
        else:
            clauses = [f"the draft has had {used}"]
    clauses += [
        f"the {name} is {figures[name]}"
        for name in ("priority", "type", "complexity", "role")
        if name in conditions
    ]
    words = _listed(clauses) or "every task starts on premium"
    return words[0].upper() + words[1:]


def over_limit(figure: Mapping[str, Any]) -> str:
    """How an amount is not within its limit, as `decide` compared them."""
    name, value, limit = figure["figure"], figure["value"], figure["limit"]
    if name == "estimated_cost_usd":
        allowed = f"the {limit} USD that the rule allows"
        passed = f"its estimated cost of {value} USD is above {allowed}"
    else:
        _, scope, kind = name.split(".")
        budget, own = _BUDGETS[scope], f"{kind} limit of {limit} USD"
        allowed = f"the {own} for {budget}"
        passed = f"its estimated cost would bring {budget} to {value} USD, above its {own}"
    return f"its cost is not known and may pass {allowed}" if value is None else passed


def _of_answer(conditions: Mapping[str, Any], figures: Mapping[str, Any]) -> Iterator[str]:
    for name, whose in (("confidence", f"the {figures['role']}'s"), ("score", "the critic's")):
        limit = conditions.get(f"{name}_below")
        if limit is not None:
            yield f"{whose} {name} {_share(figures[name])} is below {_share(limit)}"
    if "refused" in conditions:
        did = "refused" if figures["refused"] else "did not refuse"
        yield f"the {figures['role']} {did} what it judged"


def _of_failure(conditions: Mapping[str, Any], figures: Mapping[str, Any]) -> Iterator[str]:
    if not conditions.keys() & {"failed_tries", "error_kind"}:
        return
    tries, kind = figures["failed_tries"], figures["error_kind"]
    failed = f"{tries} tries failed" if tries is not None and tries > 1 else "the try failed"
    if "error_kind" not in conditions:
        yield failed
    elif tries is not None and tries > 1:
        yield f"{failed}, the last {_FAILED_BY[kind]}"
    else:
        yield f"{failed} {_FAILED_BY[kind]}"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _share(value: float) -> str:
    """A number from 0 to 1 with two decimals, or with as many as it has."""
    exact = f"{Decimal(repr(float(value))):f}"
    return exact if len(exact.partition(".")[2]) > 1 else f"{float(value):.2f}"


def _listed(clauses: list[str]) -> str:
    return " and ".join([", ".join(clauses[:-1]), clauses[-1]] if clauses[1:] else clauses)
