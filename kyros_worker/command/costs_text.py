"""What was spent, as tables for people."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kyros_worker.command.printable import line
from kyros_worker.command.task_line import money

_LIMITS = {"day": "today, all keys", "key_day": "today, this key", "task": "each task"}


def show(costs: dict[str, Any], console: Console | None = None) -> None:
    """Prints the report of the API."""
    out = console or Console(highlight=False)
    for text in _lines(costs):
        out.print(Text(text))
    for name in ("tier", "role", "model"):
        if costs[f"by_{name}"]:
            out.print(_table(name, costs[f"by_{name}"], costs["mode"]))
    for name, limits in costs.get("budget", {}).items():
        out.print(Text(_limit(line(name), limits, costs["mode"])))


def _lines(costs: dict[str, Any]) -> Iterator[str]:
    mode, saved = costs["mode"], costs["savings"]
    what = f"The last {costs['period']}" if "period" in costs else line(costs["task_id"])
    yield f"{what}: {_usd(costs['total_cost'], mode)}, {costs['calls']} calls"
    if costs["estimated_calls"]:
        estimated = _usd(costs["estimated_cost"], mode)
        yield f"  {costs['estimated_calls']} told no usage: {estimated} of it is estimated"
    if costs["unpriced_calls"]:
        yield f"  {costs['unpriced_calls']} have no known price and are not in it"
    word = "saved" if saved["vs_premium_only"] >= 0 else "lost"
    amount = _usd(abs(saved["vs_premium_only"]), mode)
    yield (
        f"  {amount} {word} against premium only, "
        f"{abs(saved['percentage']):.1f}% (an estimate: that would have cost "
        f"{_usd(saved['premium_only_cost'], mode)})"
    )
    if saved["not_compared_answers"]:
        yield f"  {saved['not_compared_answers']} answers have no premium price to compare with"


def _table(name: str, sums: dict[str, Any], mode: str) -> Table:
    table = Table(name, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("cost", "calls", "tokens in", "tokens out"):
        table.add_column(column, justify="right")
    for key, one in sums.items():
        numbers = (one["calls"], one["input_tokens"], one["output_tokens"])
        cells = (_usd(one["cost"], mode, short=True), *(f"{number:,}" for number in numbers))
        table.add_row(Text(line(key)), *cells)
    return table


def _limit(name: str, limits: dict[str, Any], mode: str) -> str:
    told = [f"{level} limit {_usd(limits[level], mode)}" for level in ("soft", "hard")
            if level in limits]  # fmt: skip
    spent = [f"{_usd(limits['spent'], mode)} spent or reserved"] if "spent" in limits else []
    return f"Budget, {_LIMITS.get(name, name)}: {', '.join([*spent, *told])}"


def _usd(amount: float, mode: str, *, short: bool = False) -> str:
    return money(Decimal(str(amount)), mode, short=short)
