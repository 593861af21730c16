"""After mixed work and killed workers, all figures that are told are those of the rows, exactly."""

import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import NullPool, create_engine

from kyros_worker.clock import now
from kyros_worker.database import driver_url
from kyros_worker.rollup.spans import A_MINUTE, AN_HOUR, floor
from tests import stories
from tests.acceptance.endpoints import endpoints
from tests.acceptance.stack import Deployment, new_task
from tests.eventually import eventually
from tests.receiver import Receiver, answering_first

ROLES = ("implementer", "critic", "integrator")
TYPES = ("implementation", "implementation", "review", "deployment", "chore")
#: What the sandbox does with a task, as likely as each other.
STEERING: tuple[dict[str, Any], ...] = (
    {}, {"refusals": 1}, {"refusals": 9}, {"economy": {"confidence": 0.2}}, {"decision": "no_go"},
    {"error": "timeout"}, {"error": "server_error", "error_times": 9}, {"error": "invalid_output"},
    {"delay_seconds": 0.4}, {"error": "content_refused"},
)  # fmt: skip
BY = ("model", "role", "tier")


@pytest.fixture
def _plain_sql(stack: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """`stories` asks the stack's rows."""
    engine = create_engine(driver_url(stack.database_url), poolclass=NullPool)
    monkeypatch.setattr(stories, "read", engine.connect)


@pytest.mark.long
@pytest.mark.usefixtures("_plain_sql")
def test_all_that_is_told_agrees_with_the_rows(stack):
    _mixed_work(stack, count=60, kills=1)
    _agree(stack)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("_plain_sql")
def test_two_thousand_tasks_agree_with_the_rows(stack):
    _mixed_work(stack, count=2_000, kills=12)
    _agree(stack)


def _agree(stack: Deployment) -> None:
    # What a process tells of may be a second old.
    with suppress(AssertionError):
        eventually(lambda: dict(_told(stack)) == dict(_plain(stack)), 30, "they agree")
    told, plain = dict(_told(stack)), dict(_plain(stack))
    assert {name: told[name] for name in plain if told[name] != plain[name]} == {
        name: plain[name] for name in plain if told[name] != plain[name]
    }
    assert told.keys() == plain.keys()


# -- the work --------------------------------------------------------------------------------------


def _mixed_work(stack: Deployment, count: int, kills: int) -> None:
    chance = random.Random(count)
    sizes = [count // (4 * kills)] * (4 * kills)
    sizes[0] += count - sum(sizes)
    receiver = Receiver({"/flaky": answering_first(503)})
    with receiver.listening(), endpoints(stack, receiver, "/flaky", "/good"):
        ids: list[str] = []
        for number, size in enumerate(sizes):
            made = stack.create_many([_any_task(chance) for _ in range(size)])
            ids += [task["id"] for task in made]
            for task_id in chance.sample(ids, len(made) // 2):
                _happen(stack, chance, task_id)
            if number % 4 == 3:
                _kill_a_busy_worker(stack, chance)
        _finish(stack, chance)
        for task_id in chance.sample(ids, count // 10):
            _happen(stack, chance, task_id)
        _finish(stack, chance)
        eventually(lambda: not _deliveries_left(stack), 120, "every delivery has ended")
    assert len(ids) == count
    found = dict(_plain(stack))
    assert {state for state, _, _ in found["tasks now"]} == {"completed", "failed", "cancelled"}
    assert set(found["escalations"]) == {"requested", "approved", "rejected", "completed"}
    assert found["estimated calls"] > 0
    assert {kind for _, kind in found["errors"]} >= {"timeout", "server_error", "invalid_output"}
    assert min(found["attempts"].values()) > 0
    events = {row[0] for row in stack.query("SELECT DISTINCT type FROM events")}
    assert events >= {"submission.lost", "task.cancelled"}
    assert stack.query("SELECT 1 FROM submissions WHERE revision > 0 LIMIT 1")
    assert stack.query("SELECT 1 FROM tasks WHERE run > 1 LIMIT 1")


def _any_task(chance: random.Random) -> dict[str, Any]:
    return new_task(chance.choice(STEERING), type=chance.choice(TYPES))


def _happen(stack: Deployment, chance: random.Random, task_id: str) -> None:
    """Somebody does something to a task, whether it can be done or not."""
    path, body = chance.choice([
        (f"/v1/tasks/{task_id}/cancel", {}),
        (f"/v1/tasks/{task_id}/retry", {}),
        ("/v1/agents/critic/submit", {"task_id": task_id, "context": {"more": 1}}),
        ("/v1/escalations", {"task_id": task_id, "reason": "It matters."}),
    ])  # fmt: skip
    answer = stack.http.post(path, json=body)
    assert answer.status_code in (200, 201, 202, 409), answer.text


def _kill_a_busy_worker(stack: Deployment, chance: random.Random) -> None:
    """In the midst of a call."""
    role = chance.choice(ROLES)
    slow = stack.create({role: {"delay_seconds": 5}})

    def runs() -> bool:
        _decide_all(stack, chance)
        return bool(stack.query(
            "SELECT 1 FROM submissions WHERE task_id = %s AND role = %s AND state = 'running'",
            slow["id"], role,
        ))  # fmt: skip

    eventually(runs, 90, f"a {role} works at it")
    eventually(lambda: ("started",) in [one[:1] for one in stack.calls(slow["id"])], 20, "it calls")
    stack.kill_group(role)


def _decide_all(stack: Deployment, chance: random.Random) -> None:
    open_ones = stack.http.get("/v1/escalations", params={"status": "requested", "limit": 200})
    for one in open_ones.raise_for_status().json()["data"]["escalations"]:
        verb = chance.choice(["approve", "reject"])
        answer = stack.http.post(f"/v1/escalations/{one['id']}/{verb}", json={})
        assert answer.status_code in (200, 409), answer.text


def _finish(stack: Deployment, chance: random.Random) -> None:
    def ended() -> bool:
        _decide_all(stack, chance)
        return stack.all_final()

    eventually(ended, 400, "all work is done")


def _deliveries_left(stack: Deployment) -> list[tuple[Any, ...]]:
    return stack.query(
        "SELECT deliveries.id FROM deliveries JOIN webhooks ON webhooks.id = webhook_id"
        " WHERE enabled AND deleted_at IS NULL AND state NOT IN ('delivered', 'exhausted')"
        " LIMIT 1"
    )


# -- what is told ----------------------------------------------------------------------------------


def _told(stack: Deployment) -> Iterator[tuple[str, Any]]:
    """Each figure that is told, by a name that `_plain` has too."""
    yield from _of_prometheus(stack.http.get("/metrics").raise_for_status().text)
    metrics = stack.http.get("/v1/monitoring/metrics", params={"period": "1d"}).json()["data"]
    for name, one in metrics["metrics"].items():
        yield f"{name}, a day", (one["average"], one["samples"])
    response = metrics["metrics"]["average_response_time"]
    yield "bounds of response times", (response["minimum"], response["maximum"])
    costs = stack.http.get("/v1/monitoring/costs", params={"period": "1d"}).json()["data"]
    for name in ("total_cost", "calls", "unpriced_calls", "estimated_calls", "estimated_cost"):
        yield f"costs: {name}", costs[name]
    for name in BY:
        yield f"costs by {name}", costs[f"by_{name}"]
    saved = costs["savings"]
    yield "savings", (saved["premium_only_cost"], saved["vs_premium_only"])


def _of_prometheus(text: str) -> Iterator[tuple[str, Any]]:
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]

    def of(name: str, *labels: str) -> dict[Any, float]:
        """The values of a metric by its labels, but for zeros."""
        found: dict[Any, float] = {}
        for one in samples:
            if one.name == f"kyros_{name}" and one.value:
                key = tuple(one.labels[label] for label in labels)
                found[key if len(key) > 1 else "".join(key)] = one.value
        return found

    yield "entered", of("tasks_total", "status", "type")
    yield "tasks now", of("tasks", "state", "status", "type")
    yield "usage", of("model_usage_total", "model", "role")
    yield "reported cost", of("model_cost_dollars_total", *BY)
    yield "estimated cost", of("model_estimated_cost_dollars", *BY)
    yield "estimated calls", sum(of("model_estimated_calls", *BY).values())
    yield "tokens", of("model_tokens_total", *BY, "direction")
    yield "timed", of("model_call_duration_seconds_count", *BY)
    yield "seconds", of("model_call_duration_seconds_sum", *BY)
    buckets = of("model_call_duration_seconds_bucket", *BY, "le")
    yield "within a second", {key[:3]: value for key, value in buckets.items() if key[3] == "1.0"}
    yield "errors", of("model_errors_total", "model", "kind")
    yield "escalations", of("escalations_total", "status")
    yield "attempts", of("webhook_attempts_total", "outcome")
    yield "deliveries", of("webhook_deliveries_total", "outcome")
    yield "backlog", of("backlog", "role")
    for name in ("daily_cost_dollars", "task_completion_rate", "average_response_time_seconds",
                 "escalation_rate_percentage", "webhook_success_rate_percentage"):  # fmt: skip
        yield name, of(name).get("", 0)


# -- plain SQL -------------------------------------------------------------------------------------


def _plain(stack: Deployment) -> Iterator[tuple[str, Any]]:
    """The same from the rows and their events alone: no sum that anything else keeps."""
    yield "entered", dict(stories.entered())
    yield "tasks now", stories.tasks_now()
    yield from _plain_calls()
    yield "errors", stories.call_errors()
    yield "escalations", stories.escalations()
    yield from _plain_webhooks()
    yield "backlog", {}
    hour = floor(now(), A_MINUTE) + A_MINUTE - AN_HOUR
    for since in (hour, now() - timedelta(days=1)):
        yield from _plain_ends(since, is_hour=since == hour)
    samples = [row[0] for row in stories.rows("SELECT waiting FROM queue_samples"
                                              " WHERE mode = 'test'")]  # fmt: skip
    yield "queue_depth, a day", _average([Decimal(one) for one in samples])


def _plain_ends(since: Any, *, is_hour: bool) -> Iterator[tuple[str, Any]]:
    ends = stories.ends(since=since)
    judged, seconds = ends["judged"], ends["seconds"]
    completed, escalated = _percentage(ends["completed"], judged), _percentage(
        ends["escalated"], judged
    )  # fmt: skip
    if is_hour:
        yield "task_completion_rate", completed
        yield "escalation_rate_percentage", escalated
        yield "average_response_time_seconds", _average(seconds)[0]
    else:
        yield "task_completion_rate, a day", (completed, judged)
        yield "escalation_rate, a day", (escalated, judged)
        yield "average_response_time, a day", _average(seconds)
        yield "bounds of response times", (float(min(seconds)), float(max(seconds)))


def _plain_calls() -> Iterator[tuple[str, Any]]:
    calls = stories.calls()
    usage: dict[Any, int] = {}
    for (model, role, _), one in calls.items():
        usage[model, role] = usage.get((model, role), 0) + one.calls
    yield "usage", usage
    yield "reported cost", {key: float(one.cost) for key, one in calls.items() if one.cost}
    yield (
        "estimated cost",
        {key: float(one.estimated) for key, one in calls.items() if one.estimated},
    )
    tokens = {(*key, way): getattr(one, way) for key, one in calls.items()
              for way in ("input", "output")}  # fmt: skip
    yield "tokens", {key: count for key, count in tokens.items() if count}
    yield "timed", {key: one.timed for key, one in calls.items() if one.timed}
    yield "within a second", {key: one.second for key, one in calls.items() if one.second}
    yield (
        "seconds",
        {
            tuple(key): float(seconds)
            for *key, seconds in stories.rows(
                "SELECT provider || ':' || model, role, tier, sum(latency_seconds::numeric)"
                " FROM model_calls WHERE mode = 'test' AND latency_seconds IS NOT NULL"
                " AND state <> 'started' GROUP BY 1, 2, 3"
            )
        },
    )
    yield "daily_cost_dollars", float(stories.spent())
    (all_,) = stories.rows(
        "SELECT count(*) AS calls, count(unpriced) AS unpriced,"
        " count(*) FILTER (WHERE estimated) AS estimated_calls,"
        " coalesce(sum(cost_usd) FILTER (WHERE estimated), 0) AS estimated,"
        " sum(coalesce(premium_usd, cost_usd)) FILTER (WHERE accepted) AS premium_only,"
        " count(error_kind) AS errors, count(latency_seconds) AS timed,"
        " sum(latency_seconds::numeric) AS seconds"
        " FROM model_calls WHERE mode = 'test' AND state <> 'started'"
    )
    yield "estimated calls", all_.estimated_calls
    yield "costs: total_cost", float(stories.spent())
    yield "costs: calls", all_.calls
    yield "costs: unpriced_calls", all_.unpriced
    yield "costs: estimated_calls", all_.estimated_calls
    yield "costs: estimated_cost", float(all_.estimated)
    yield "savings", (float(all_.premium_only), float(all_.premium_only - stories.spent()))
    yield "model_error_rate, a day", (_percentage(all_.errors, all_.calls), all_.calls)
    yield "average_model_latency, a day", (float(all_.seconds / all_.timed), all_.timed)
    for name, column in (("model", "provider || ':' || model"), ("role", "role"), ("tier", "tier")):
        yield f"costs by {name}", {
            row[0]: {"cost": float(row.cost), "calls": row.calls, "input_tokens": row.input,
                     "output_tokens": row.output}
            for row in stories.rows(
                f"SELECT {column}, coalesce(sum(cost_usd), 0) AS cost, count(*) AS calls,"
                " coalesce(sum(input_tokens), 0) AS input,"
                " coalesce(sum(output_tokens), 0) AS output"
                " FROM model_calls WHERE mode = 'test' AND state <> 'started' GROUP BY 1"
            )
        }  # fmt: skip


def _plain_webhooks() -> Iterator[tuple[str, Any]]:
    attempts = dict(stories.rows(
        "SELECT CASE WHEN status_code BETWEEN 200 AND 299 THEN 'succeeded' ELSE 'failed' END,"
        " count(*) FROM delivery_attempts GROUP BY 1"
    ))  # fmt: skip
    deliveries = dict(stories.rows(
        "SELECT state, count(*) FROM deliveries WHERE state IN ('delivered', 'exhausted')"
        " GROUP BY 1"
    ))  # fmt: skip
    yield "attempts", attempts
    yield "deliveries", deliveries
    for name, found, good in (("webhook_success_rate", attempts, "succeeded"),
                              ("webhook_delivery_rate", deliveries, "delivered")):  # fmt: skip
        count = sum(found.values())
        yield f"{name}, a day", (_percentage(found.get(good, 0), count), count)
    # All within the last hour, unless the whole session takes longer.
    (recent,) = stories.rows(
        "SELECT count(*) FILTER (WHERE status_code BETWEEN 200 AND 299), count(*)"
        " FROM delivery_attempts WHERE at >= :since",
        since=floor(now(), A_MINUTE) + A_MINUTE - AN_HOUR,
    )
    yield "webhook_success_rate_percentage", _percentage(*recent)


def _percentage(part: int, of: int) -> float:
    return float(Decimal(100 * part) / of) if of else 0.0


def _average(values: list[Decimal]) -> tuple[float, int]:
    return (float(sum(values) / len(values)) if values else 0.0, len(values))
