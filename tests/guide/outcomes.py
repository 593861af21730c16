"""The table of all outcomes, at the end of a run."""

import os
from collections import Counter

import pytest

from tests.programs import LEFT_OUT


def show_outcomes(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what became of each sample; nothing where none was asked for."""
    rows = [
        row
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, row in report.user_properties
        if name == "guide"
    ]
    if not rows:
        return
    terminalreporter.section("the samples of the guide")
    width = max(len(where) for where, *_ in rows)
    for where, name, how, why in sorted(rows, key=lambda row: _place(row[0])):
        terminalreporter.write_line(f"{where:<{width}}  {how:<19}  {name}")
        if why:
            terminalreporter.write_line(f"{'':<{width}}  {'':<19}    {why}")
    counts = Counter(how for _, _, how, _ in rows)
    terminalreporter.write_line(", ".join(f"{count} {how}" for how, count in counts.items()))
    if not os.environ.get("KYROS_GUIDE"):
        terminalreporter.write_line(
            f"{LEFT_OUT.upper()}the samples of integration-guide.md: KYROS_GUIDE does not name it",
            yellow=True,
        )


def _place(where: str) -> tuple[str, int]:
    document, _, line = where.rpartition(":")
    return document, int(line)
