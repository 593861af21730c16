"""The figures that Prometheus is told, as families of metrics (docs/reference/metrics.md)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, get_args

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from sqlalchemy import Connection, RowMapping, select

from kyros_worker.clock import now
from kyros_worker.cost.breakers import breakers
from kyros_worker.fleet.heartbeat import live_workers
from kyros_worker.model.catalog import ChosenModel, choose_in_order, configured
from kyros_worker.monitoring.health import LET_THROUGH
from kyros_worker.monitoring.metrics import TALLIES, TASKS, average, measured
from kyros_worker.monitoring.tables import Counter
from kyros_worker.monitoring.work import RoleWork, read_backlog, read_work
from kyros_worker.rollup.fold import MOST_LABELS, OTHER
from kyros_worker.rollup.read import Sums
from kyros_worker.rollup.spans import A_MINUTE, AN_HOUR, floor
from kyros_worker.rollup.tables import LATENCY_BOUNDS, CallSum, LabelledType
from kyros_worker.settings import current
from kyros_worker.task.states import STATES, STATUS_OF
from kyros_worker.words import ROLES, TIERS, ErrorKind, Role, Tier

_DAY = timedelta(days=1)
#: Counters that are there before anything was counted.
_COUNTERS = (LET_THROUGH,)

_CALLS = Sums(
    CallSum,
    ["provider", "model", "role", "tier"],
    ["calls", "cost", "estimated_cost", "estimated_calls", "unpriced_calls", "input_tokens",
     "output_tokens", "timed_calls", "latency_seconds", *LATENCY_BOUNDS],
)  # fmt: skip
_COST = Sums(CallSum, ["tier"], ["cost"])

Labels = tuple[str, ...]


def of_database(connection: Connection) -> Iterator[Metric]:
    """All figures of the mode that the deployment works in."""
    mode = "test" if current().test_mode else "live"
    yield from _of_tasks(connection, mode)
    yield from _of_periods(connection, mode)
    yield from _of_calls(connection, mode)
    yield from _of_work(connection, mode)
    yield from _of_tallies(connection, mode)
    yield from _of_counters(connection)


def _of_tasks(connection: Connection, mode: str) -> Iterator[Metric]:
    entered: defaultdict[Labels, int] = defaultdict(int)
    now_in: defaultdict[Labels, int] = defaultdict(int)
    for row in _labelled(connection, mode):
        name, was, became = row["type"], row["was"], row["became"]
        status = STATUS_OF[became]
        if was == "" or STATUS_OF[was] != status:
            entered[status, name] += row["count"]
        now_in[became, status, name] += row["count"]
        if was:
            now_in[was, STATUS_OF[was], name] -= row["count"]
    types = {name for _, name in entered}
    for name in types:
        for state in STATES:
            entered[STATUS_OF[state], name] += 0
            now_in[state, STATUS_OF[state], name] += 0
    about = "How often tasks entered a status; a cancelled one is failed."
    yield _counter("kyros_tasks", about, entered, "status", "type")
    yield gauge("kyros_tasks", "Tasks by what they are now.", now_in.items(),
                 "state", "status", "type")  # fmt: skip


def _labelled(connection: Connection, mode: str) -> list[dict[str, Any]]:
    """The flow of tasks, their types bounded.

    Before a type is folded it is decided under which label it counts. Until then it is told only
    where there is a label for every new one: what is told as `other` never gets one later.
    """
    rows = TASKS.ever(connection, mode)
    query = select(LabelledType.type).where(LabelledType.mode == mode)
    labels = set(connection.execute(query).scalars())
    undecided: set[str] = set()
    if len(labels) < MOST_LABELS:
        undecided = {row["type"] for row in rows if not row["folded"]} - labels
    if len(labels | undecided) <= MOST_LABELS:
        labels, undecided = labels | undecided, set()
    return [
        {**row, "type": row["type"] if row["type"] in labels else OTHER}
        for row in rows
        if row["folded"] or row["type"] not in undecided
    ]


def _of_periods(connection: Connection, mode: str) -> Iterator[Metric]:
    until = floor(now(), A_MINUTE) + A_MINUTE
    found = measured(connection, mode, [until - AN_HOUR, until])
    for name, metric, about in (
        ("kyros_task_completion_rate", "task_completion_rate",
         "Percentage of the tasks that completed or failed in the last hour which completed."),
        ("kyros_average_response_time_seconds", "average_response_time",
         "From creation to end, of the tasks that ended in the last hour."),
        ("kyros_escalation_rate_percentage", "escalation_rate",
         "Percentage of the tasks that completed or failed in the last hour which had escalated."),
        ("kyros_webhook_success_rate_percentage", "webhook_success_rate",
         "Percentage of the last hour's attempts to deliver that succeeded."),
    ):  # fmt: skip
        yield gauge(name, about, [((), average(found[metric]))])
    cost = sum((row["cost"] for _, row in _COST.over(connection, mode, [until - _DAY, until])),
               Decimal(0))  # fmt: skip
    about = (
        "USD, what the calls cost that have ended and began in the 24 hours to this minute's end."
    )
    yield gauge("kyros_daily_cost_dollars", about, [((), cost)])


def _of_calls(connection: Connection, mode: str) -> Iterator[Metric]:
    sums: defaultdict[Labels, defaultdict[str, Any]] = defaultdict(lambda: defaultdict(int))
    for chosen, of_role, of_tier in _in_use(mode):
        sums[chosen.full_name, of_role, of_tier] = defaultdict(int)
    for row in _CALLS.ever(connection, mode):
        one = sums[f"{row['provider']}:{row['model']}", row["role"], row["tier"]]
        for name in _CALLS.values:
            one[name] += row[name]
    by = ("model", "role", "tier")
    usage: defaultdict[Labels, int] = defaultdict(int)
    for (model, role, _), one in sums.items():
        usage[model, role] += one["calls"]
    yield _counter("kyros_model_usage", "Model calls that have ended.", usage, "model", "role")
    reported = {key: one["cost"] - one["estimated_cost"] for key, one in sums.items()}
    about = "USD, by the usage that models reported."
    yield _counter("kyros_model_cost_dollars", about, reported, *by)
    for name, value, about in (
        ("kyros_model_estimated_cost_dollars", "estimated_cost",
         "USD, the most that calls can have cost which have reported no usage so far."),
        ("kyros_model_estimated_calls", "estimated_calls",
         "Model calls that have reported no usage so far."),
        ("kyros_model_unpriced_calls", "unpriced_calls",
         "Model calls whose price is not known; no cost has them."),
    ):  # fmt: skip
        yield gauge(name, about, [(key, one[value]) for key, one in sums.items()], *by)
    tokens = {
        (*key, direction): one[f"{direction}_tokens"]
        for key, one in sums.items()
        for direction in ("input", "output")
    }
    yield _counter("kyros_model_tokens", "Tokens that models reported.", tokens, *by, "direction")
    latency = HistogramMetricFamily(
        "kyros_model_call_duration_seconds", "How long model calls took that told it.", labels=by
    )
    for key, one in sorted(sums.items()):
        buckets = [(f"{bound:.1f}", one[name]) for name, bound in LATENCY_BOUNDS.items()]
        buckets.append(("+Inf", one["timed_calls"]))
        latency.add_metric(key, buckets, float(one["latency_seconds"]))
    yield latency


def _in_use(mode: str) -> Iterator[tuple[ChosenModel, Role, Tier]]:
    """The models that may be called, by role and tier.

    They are told with 0 before their first call: what rises from nothing has no rate.
    """
    for tier in TIERS:
        for role in ROLES:
            if mode == "test":
                models = choose_in_order(role, tier, "test")
            else:
                models = configured(current().configuration, role, tier)
            yield from ((model, role, tier) for model in models)


def _of_work(connection: Connection, mode: str) -> Iterator[Metric]:
    work = {role: one for (of, role), one in read_work(connection).items() if of == mode}
    for name, about, value in (
        ("kyros_backlog", "Submissions that wait for a worker or are in flight.", _backlog),
        ("kyros_queue_depth", "Submissions that wait for a worker.", lambda one: one.waiting),
        ("kyros_queue_later", "Submissions that are due later, after a pause.",
         lambda one: one.later),
        ("kyros_in_flight", "Submissions that workers have claimed.", lambda one: one.in_flight),
        ("kyros_busy_workers", "Workers that have claimed submissions.", lambda one: one.busy),
        ("kyros_oldest_waiting_seconds", "How long the oldest has been due that waits.",
         lambda one: one.oldest_seconds),
    ):  # fmt: skip
        yield gauge(name, about, [((role,), value(one)) for role, one in work.items()], "role")
    oldest = max(one.oldest_seconds for one in work.values())
    about = "How long the oldest task has been due that waits for a worker, of any role."
    yield gauge("kyros_oldest_waiting_task_seconds", about, [((), oldest)])
    alive = live_workers(connection)
    about = "Workers that were seen within 15 s; those of `webhooks` deliver."
    yield gauge("kyros_workers", about, [((role,), alive[role]) for role in alive], "role")
    backlog = read_backlog(connection, [mode])
    yield gauge("kyros_webhook_backlog", "Deliveries that are due.", [((), backlog.due)])
    yield gauge("kyros_webhook_oldest_due_seconds", "How long the oldest delivery has been due.",
                 [((), backlog.oldest_seconds)])  # fmt: skip


def _backlog(one: RoleWork) -> int:
    return one.waiting + one.in_flight


_WHATS: dict[str, tuple[str, str, Labels]] = {
    "attempt": ("kyros_webhook_attempts", "Attempts to deliver.", ("succeeded", "failed")),
    "delivery": ("kyros_webhook_deliveries", "Deliveries that ended.", ("delivered", "exhausted")),
    "escalation": (
        "kyros_escalations",
        "How often escalations entered a status.",
        ("requested", "approved", "rejected", "completed"),
    ),
}


def _of_tallies(connection: Connection, mode: str) -> Iterator[Metric]:
    counts: defaultdict[str, defaultdict[Labels, int]] = defaultdict(lambda: defaultdict(int))
    for row in TALLIES.ever(connection, mode):
        counts[row["what"]][row["subject"], row["outcome"]] += row["count"]
    for what, (name, about, outcomes) in _WHATS.items():
        label = "status" if what == "escalation" else "outcome"
        found: dict[Labels, int] = {(one,): counts[what]["", one] for one in outcomes}
        yield _counter(name, about, found, label)
    about = "Model calls that ended with an error."
    errors: dict[Labels, int] = {
        (model.full_name, kind): 0 for model, _, _ in _in_use(mode) for kind in get_args(ErrorKind)
    }
    yield _counter("kyros_model_errors", about, errors | counts["call_error"], "model", "kind")


def _of_counters(connection: Connection) -> Iterator[Metric]:
    rows: list[RowMapping] = [*connection.execute(select(*Counter.__table__.columns)).mappings()]
    found = dict.fromkeys(_COUNTERS, 0) | {row["name"]: row["value"] for row in rows}
    for name, value in sorted(found.items()):
        about = f"How often it happened, in all processes: {name.replace('_', ' ')}."
        yield _counter(f"kyros_{name}", about, {(): value})
    states = [
        ((one.model, state), one.state == state)
        for one in breakers(connection)
        for state in ("closed", "open", "half_open")
    ]
    about = "How the circuit breaker of a live model stands: 1 at its state."
    yield gauge("kyros_model_breaker", about, states, "model", "state")


def _counter(name: str, about: str, values: Mapping[Labels, Any], *labels: str) -> Metric:
    family = CounterMetricFamily(name, about, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, float(value))
    return family


def gauge(name: str, about: str, values: Any, *labels: str) -> Metric:
    """A gauge, given the value of each tuple of labels."""
    family = GaugeMetricFamily(name, about, labels=labels)
    for key, value in sorted(values):
        family.add_metric(key, float(value))
    return family
