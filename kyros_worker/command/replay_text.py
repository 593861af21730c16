"""What other rules would have done, as text for people (pure)."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from kyros_worker.command.printable import line
from kyros_worker.command.task_line import money
from kyros_worker.command.task_text import aligned, time

_KINDS = {
    "started_on_premium": "started on premium",
    "escalated": "escalated",
    "asked": "asked a person",
    "failed": "failed by a rule",
}
_NOT_KNOWN = {
    "premium_passes": "premium passes that would be added: no answer, or no premium price",
    "economy_instead_of_premium": "premium passes that would not be made: "
    "what economy would have cost instead",
    "tasks_with_other_answers": "tasks: what rules would have made of answers "
    "that were never given",
    "passes_if_approved": "passes that would be approved: no answer, or no premium price",
    "unpriced_calls": "calls: their model has no price",
}


def report(found: dict[str, Any]) -> str:
    """The whole report."""
    return "\n".join(_lines(found))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{found['tasks']} tasks created from {time(found['from'])} to {time(found['to'])}, "
        f"{found['mode']} mode"
    )
    yield ""
    rows = [("tasks", "with these rules", "really")]
    for kind, name in _KINDS.items():
        rows.append((name, _tasks(found["would"][kind]), _tasks(found["really"][kind])))
    for one in found["by_rule"]:
        name = f"  {line(one['rule'])}: {_KINDS[one['kind']]}"
        rows.append((name, _tasks(one["would"]), _tasks(one["really"])))
    yield aligned(rows, None)
    if found["requested_by_people"]:
        many = found["requested_by_people"]
        yield f"Besides, people asked for the premium model for {many} tasks."
    yield ""
    yield from _costs(found["cost"], found["mode"])
    not_known = found["not_known"]
    if any(not_known.values()):
        yield "Not known, and in no figure above:"
    for name, words in _NOT_KNOWN.items():
        if not_known[name]:
            yield f"  {not_known[name]} {words}"


def _costs(cost: dict[str, Any], mode: str) -> Iterator[str]:
    yield (
        f"Cost: {_usd(cost['would'], mode)} (an estimate), really {_usd(cost['really'], mode)}; "
        f"of it premium {_usd(cost['premium_would'], mode)}, "
        f"really {_usd(cost['premium_really'], mode)}"
    )
    word = "more than was spent" if cost["difference"] > 0 else "saved"
    yield f"  {_usd(abs(cost['difference']), mode)} {word}"
    if cost["if_asked_were_approved"]:
        amount = _usd(cost["if_asked_were_approved"], mode)
        yield f"  {amount} more if all that would be asked newly were approved"


def _tasks(count: dict[str, int]) -> str:
    times = f" ({count['times']} times)" if count["times"] != count["tasks"] else ""
    return f"{count['tasks']}{times}"


def _usd(amount: float, mode: str) -> str:
    return money(Decimal(str(amount)), mode)
