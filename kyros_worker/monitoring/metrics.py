"""The metrics of a mode over a period, from the sums of its rows (docs/reference/metrics.md)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from kyros_worker.auth.subject import Mode
from kyros_worker.clock import now, rfc3339
from kyros_worker.cost.report import LENGTHS, Period
from kyros_worker.monitoring.work import read_work, waiting
from kyros_worker.rollup.read import Sums
from kyros_worker.rollup.spans import A_MINUTE, floor, steps_of
from kyros_worker.rollup.tables import CallSum, QueueSample, TallySum, TaskSum
from kyros_worker.task.states import FINAL_STATES

TASKS = Sums(
    TaskSum,
    ["type", "was", "became"],
    ["count", "escalated", "seconds", "least_seconds", "most_seconds"],
)
TALLIES = Sums(TallySum, ["what", "subject", "outcome"], ["count"])
_CALLS = Sums(CallSum, ["tier"], ["calls", "timed_calls", "latency_seconds"])

Found = Sequence[tuple[int, RowMapping]]


@dataclass
class Point:
    """What was measured in a step: how often, and what it adds up to."""

    samples: int = 0
    total: Decimal = Decimal(0)
    #: The least and the most of a single sample; None where the value of the step is meant.
    least: Decimal | None = None
    most: Decimal | None = None

    def add(self, samples: int, total: Decimal) -> None:
        """Adds samples and what they add up to."""
        self.samples += samples
        self.total += total

    def bound(self, least: Decimal | None, most: Decimal | None) -> None:
        """Widens the bounds by those of other samples."""
        self.least = min((one for one in (self.least, least) if one is not None), default=None)
        self.most = max((one for one in (self.most, most) if one is not None), default=None)

    @property
    def value(self) -> Decimal:
        """The average of its samples; 0 without any."""
        return self.total / self.samples if self.samples else Decimal(0)


def metrics(connection: Connection, mode: Mode, period: Period) -> dict[str, Any]:
    """All metrics of the period, which ends with the minute that is open now."""
    length, step = LENGTHS[period]
    until = floor(now(), A_MINUTE) + A_MINUTE
    bounds = steps_of(until - length, step, length // step)
    found = measured(connection, mode, bounds)
    shown = {name: _shown(points, bounds) for name, points in found.items()}
    shown["queue_depth"]["current"] = float(waiting(read_work(connection), mode))
    return {
        "period": period,
        "from": rfc3339(bounds[0]),
        "to": rfc3339(bounds[-1]),
        "mode": mode,
        "metrics": shown,
    }


def measured(
    connection: Connection, mode: str, bounds: Sequence[datetime]
) -> dict[str, list[Point]]:
    """The points of each metric, one for each step between bounds that are whole minutes."""
    count = len(bounds) - 1
    tasks = TASKS.over(connection, mode, bounds)
    tallies = TALLIES.over(connection, mode, bounds)
    calls = _CALLS.over(connection, mode, bounds)
    return {
        "task_completion_rate": _rate(count, tasks, _completed, _judged),
        "average_response_time": _response_time(count, tasks),
        "escalation_rate": _rate(count, tasks, _escalated, _judged),
        "queue_depth": _queue_depth(connection, mode, bounds),
        "webhook_success_rate": _outcomes(count, tallies, "attempt", "succeeded"),
        "webhook_delivery_rate": _outcomes(count, tallies, "delivery", "delivered"),
        "model_error_rate": _model_errors(count, calls, tallies),
        "average_model_latency": _model_latency(count, calls),
    }


Count = Callable[[RowMapping], int]


def _judged(row: RowMapping) -> int:
    """Ends that are good or bad: a cancelled task is neither."""
    return row["count"] if row["became"] in ("completed", "failed") else 0


def _completed(row: RowMapping) -> int:
    return row["count"] if row["became"] == "completed" else 0


def _escalated(row: RowMapping) -> int:
    return row["escalated"] if row["became"] in ("completed", "failed") else 0


def _points(count: int) -> list[Point]:
    return [Point() for _ in range(count)]


def _rate(count: int, found: Found, hits: Count, of: Count) -> list[Point]:
    points = _points(count)
    for step, row in found:
        points[step].add(of(row), Decimal(100 * hits(row)))
    return points


def _response_time(count: int, tasks: Found) -> list[Point]:
    points = _points(count)
    for step, row in tasks:
        if row["became"] in FINAL_STATES:
            points[step].add(row["count"], row["seconds"])
            points[step].bound(row["least_seconds"], row["most_seconds"])
    return points


def _outcomes(count: int, tallies: Found, what: str, good: str) -> list[Point]:
    points = _points(count)
    for step, row in tallies:
        if row["what"] == what:
            points[step].add(row["count"], Decimal(100 * row["count"] * (row["outcome"] == good)))
    return points


def _model_errors(count: int, calls: Found, tallies: Found) -> list[Point]:
    points = _points(count)
    for step, row in calls:
        points[step].add(row["calls"], Decimal(0))
    for step, row in tallies:
        if row["what"] == "call_error":
            points[step].add(0, Decimal(100 * row["count"]))
    return points


def _model_latency(count: int, calls: Found) -> list[Point]:
    points = _points(count)
    for step, row in calls:
        points[step].add(row["timed_calls"], row["latency_seconds"])
    return points


def _queue_depth(connection: Connection, mode: str, bounds: Sequence[datetime]) -> list[Point]:
    length = bounds[1] - bounds[0]
    query = select(QueueSample.at, QueueSample.waiting).where(
        QueueSample.mode == mode, QueueSample.at >= bounds[0], QueueSample.at < bounds[-1]
    )
    points = _points(len(bounds) - 1)
    for at, depth in connection.execute(query):
        point, value = points[(at - bounds[0]) // length], Decimal(depth)
        point.add(1, value)
        point.bound(value, value)
    return points


def average(points: Iterable[Point]) -> float:
    """Over all samples, not over the steps; 0 without any."""
    together = Point()
    for one in points:
        together.add(one.samples, one.total)
    return float(together.value)


def _shown(points: Sequence[Point], bounds: Sequence[datetime]) -> dict[str, Any]:
    some = [one for one in points if one.samples]
    least = (one.value if one.least is None else one.least for one in some)
    most = (one.value if one.most is None else one.most for one in some)
    return {
        "average": average(some),
        "current": float(some[-1].value) if some else 0.0,
        "minimum": float(min(least, default=0)),
        "maximum": float(max(most, default=0)),
        "samples": sum(one.samples for one in some),
        "series": [
            {"at": rfc3339(at), "value": float(one.value), "samples": one.samples}
            for at, one in zip(bounds[:-1], points, strict=True)
        ],
    }
