"""Interleaved rounds: the machine's speed drifts, so what is compared is measured side by side."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

Values = dict[str, list[float]]


@dataclass(frozen=True)
class Figure:
    """One line of the results: medians, their spread from least to greatest, and a ratio.

    `ratio` is the median of the rounds' own ratios beside `peer`, with its spread.
    """

    name: str
    unit: str
    value: float
    spread: tuple[float, float]
    rounds: int
    peer: str = ""
    peer_value: float | None = None
    ratio: float | None = None
    ratio_spread: tuple[float, float] | None = None
    note: str = ""


def rounds(usual: int) -> int:
    """How many rounds to measure: KYROS_BENCH_ROUNDS where it is set, for a try."""
    return int(os.environ.get("KYROS_BENCH_ROUNDS", usual))


def interleaved(ways: Mapping[str, Callable[[], float]], count: int) -> Values:
    """Measures every way once a round, each second round in the opposite order."""
    values: Values = {name: [] for name in ways}
    for number in range(count):
        names = list(ways) if number % 2 == 0 else list(reversed(ways))
        for name in names:
            values[name].append(ways[name]())
    return values


def alone(name: str, unit: str, values: list[float], note: str = "") -> Figure:
    """A figure without a peer."""
    spread = (min(values), max(values))
    return Figure(name, unit, median(values), spread, len(values), note=note)


def beside(
    name: str, unit: str, values: list[float], peer: str, peers: list[float], note: str = ""
) -> Figure:
    """A figure as a multiple of a peer's, round by round."""
    ratios = [ours / theirs for ours, theirs in zip(values, peers, strict=True)]
    return Figure(
        name, unit, median(values), (min(values), max(values)), len(values),
        peer, median(peers), median(ratios), (min(ratios), max(ratios)), note,
    )  # fmt: skip


def difference(
    name: str, unit: str, values: list[float], peer: str, peers: list[float], note: str = ""
) -> Figure:
    """A figure as what it is above a peer's, round by round, told in its note."""
    more = [ours - theirs for ours, theirs in zip(values, peers, strict=True)]
    told = f"{median(more):+.1f} {unit} [{min(more):+.1f} to {max(more):+.1f}]"
    return Figure(
        name, unit, median(values), (min(values), max(values)), len(values),
        peer, median(peers), note=f"{told}{'; ' if note else ''}{note}",
    )  # fmt: skip
