"""`/v1/monitoring/metrics` and `/metrics` over HTTP, and the report of costs from the sums."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from kyros_worker.clock import now
from kyros_worker.cost import report
from kyros_worker.cost.report import PERIODS
from kyros_worker.database import read, transaction
from kyros_worker.dispatch import sweeps
from kyros_worker.monitoring import metrics as metrics_module
from kyros_worker.rollup.spans import A_MINUTE, floor
from tests import factories, stories
from tests.credentials import bearer

pytestmark = pytest.mark.usefixtures("no_tasks")

URL = "/v1/monitoring/metrics"
STEPS = {"1h": 60, "6h": 72, "1d": 24, "7d": 28, "30d": 30}
NAMES = {
    "task_completion_rate", "average_response_time", "escalation_rate", "queue_depth",
    "webhook_success_rate", "webhook_delivery_rate", "model_error_rate", "average_model_latency",
}  # fmt: skip


@pytest.fixture
def get(client, admin):
    return lambda period="1h": client.get(f"{URL}?period={period}", headers=admin).json["data"]


def as_time(told):
    return datetime.fromisoformat(told)


@pytest.mark.parametrize("period", PERIODS)
def test_without_anything_all_are_numbers(get, period):
    before = now()
    found = get(period)
    assert (found["period"], found["mode"], set(found["metrics"])) == (period, "test", NAMES)
    for one in found["metrics"].values():
        assert [one[name] for name in ("average", "current", "minimum", "maximum", "samples")] == [
            0, 0, 0, 0, 0,
        ]  # fmt: skip
        assert len(one["series"]) == STEPS[period]
        assert {(step["value"], step["samples"]) for step in one["series"]} == {(0, 0)}
    begin, end = as_time(found["from"]), as_time(found["to"])
    assert floor(end, A_MINUTE) == end
    assert before <= end <= now() + A_MINUTE
    lengths = {"1h": 1, "6h": 6, "1d": 24, "7d": 24 * 7, "30d": 24 * 30}
    assert end - begin == timedelta(hours=lengths[period])
    assert one["series"][0]["at"] == found["from"]


def test_by_default_a_day(client, admin):
    assert client.get(URL, headers=admin).json["data"]["period"] == "1d"


@pytest.mark.parametrize("query", ["?period=2d", "?period=", "?period=1H", "?since=1d"])
def test_wrong_periods(client, admin, query):
    answer = client.get(URL + query, headers=admin)
    assert (answer.status_code, bool(answer.json["details"])) == (422, True)


def test_who_may_not(client, new_key):
    headers = bearer(new_key("tasks:read")["key"])
    answer = client.get(URL, headers=headers)
    assert (answer.status_code, "monitoring:read" in answer.json["error"]) == (403, True)
    assert client.get(URL).status_code == 401


def test_modes_are_kept_apart(client, new_key):
    factories.run(factories.create()["id"])
    headers = bearer(new_key("monitoring:read", mode="live")["key"])
    found = client.get(URL, headers=headers).json["data"]
    assert found["mode"] == "live"
    assert found["metrics"]["task_completion_rate"]["samples"] == 0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("period", ["1h", "1d", "30d"])
def test_it_is_what_plain_sql_says(get, seed, period):
    stories.live_through(seed, count=15)
    for _ in range(2):
        found, ends = get(period)["metrics"], stories.ends()
        rate, response = found["task_completion_rate"], found["average_response_time"]
        assert rate["samples"] == ends["judged"] > 0
        assert rate["average"] == pytest.approx(100 * ends["completed"] / ends["judged"])
        escalated = found["escalation_rate"]["average"]
        assert escalated == pytest.approx(100 * ends["escalated"] / ends["judged"])
        seconds = ends["seconds"]
        assert response["samples"] == len(seconds)
        assert response["average"] == pytest.approx(float(sum(seconds)) / len(seconds), rel=1e-12)
        assert response["minimum"] == float(min(seconds))
        assert response["maximum"] == float(max(seconds))
        calls, errors = stories.calls().values(), stories.call_errors()
        assert found["model_error_rate"]["samples"] == sum(one.calls for one in calls)
        expected = 100 * sum(errors.values()) / sum(one.calls for one in calls)
        assert found["model_error_rate"]["average"] == pytest.approx(expected)
        assert found["queue_depth"]["current"] == stories.rows(
            "SELECT count(*) FROM submissions WHERE state = 'queued' AND due_at <= now()"
        )[0][0]  # fmt: skip
        for one in found.values():
            assert sum(step["samples"] for step in one["series"]) == one["samples"]
        stories.fold_all()


def test_the_average_is_over_tasks_not_over_steps(get, monkeypatch):
    """Nine fast tasks in one minute, and a slow one in another."""
    from kyros_worker.task import create

    with monkeypatch.context() as patched:
        patched.setattr(create, "now", lambda: now() - timedelta(seconds=1000))
        slow = factories.create(type="review")["id"]
    factories.run(slow)
    stories.fold_all()
    with transaction() as connection:
        connection.execute(text("UPDATE task_sums SET at = at - interval '5 minutes'"))
    for _ in range(9):
        factories.run(factories.create(type="review")["id"])
    found = get("1h")["metrics"]["average_response_time"]
    seconds = stories.ends()["seconds"]
    assert (found["samples"], len(seconds)) == (10, 10)
    assert found["average"] == pytest.approx(float(sum(seconds)) / 10)
    assert 100 < found["average"] < 110
    assert found["current"] < 10
    assert found["maximum"] == float(max(seconds)) >= 1000


@pytest.mark.parametrize(("minutes", "is_in"), [(0, True), (59, True), (60, False)])
def test_the_edges_of_a_period(get, monkeypatch, minutes, is_in):
    """It is made of the minute that is open and the 59 before it."""
    at = floor(now(), A_MINUTE) - minutes * A_MINUTE
    monkeypatch.setattr(metrics_module, "now", lambda: at + minutes * A_MINUTE)
    factories.run(factories.create(type="review")["id"])
    stories.fold_all()
    with transaction() as connection:
        connection.execute(text("UPDATE task_sums SET at = :at WHERE span = 'minute'"
                                " AND became = 'completed'"), {"at": at})  # fmt: skip
        connection.execute(text("DELETE FROM task_sums WHERE span = 'hour'"))
    assert get("1h")["metrics"]["task_completion_rate"]["samples"] == int(is_in)


def test_queue_depth_is_measured_once_in_a_minute(get):
    for _ in range(3):
        factories.create()
    for _ in range(3):
        sweeps.queue_samples()
    factories.create()
    found = get("1h")["metrics"]["queue_depth"]
    # The minute may have turned in between.
    assert 1 <= found["samples"] <= 2
    assert (found["minimum"], found["maximum"], found["current"]) == (3, 3, 4)
    samples = stories.rows("SELECT waiting FROM queue_samples WHERE mode = 'live'")
    assert {row[0] for row in samples} == {0}


@pytest.mark.parametrize("period", PERIODS)
def test_costs_from_sums_are_costs_from_rows(period, monkeypatch):
    """Calls at every edge of a minute and an hour, folded, and some not yet."""
    at = datetime(2026, 3, 10, 15, 42, 17, 123456, tzinfo=UTC)
    monkeypatch.setattr(report, "now", lambda: at)
    work = factories.begin(factories.create(type="review")["submission_id"])
    factories.finish(work)
    length, step = report.LENGTHS[period]
    a_bit = timedelta(microseconds=1)
    edges = {at - length + number * step for number in range(length // step + 1)}
    edges |= {floor(one, A_MINUTE) for one in edges}
    edges |= {floor(one, timedelta(hours=1)) for one in edges}
    begun = sorted({edge + shift for edge in edges for shift in (-a_bit, timedelta(0), a_bit)})
    half = len(begun) // 2
    _copy_call(begun[:half])
    stories.fold_all()
    _copy_call(begun[half:])
    for _ in range(2):
        with read() as connection:
            told = report.costs(connection, "test", "key_1", period)
        inside = [one for one in begun if at - length <= one < at]
        assert told["calls"] == len(inside)
        steps = [(one - (at - length)) // step for one in inside]
        assert [one["calls"] for one in told["series"]] == [
            steps.count(number) for number in range(length // step)
        ]
        per_call = stories.rows("SELECT cost_usd FROM model_calls LIMIT 1")[0][0]
        assert told["total_cost"] == float(per_call * len(inside))
        stories.fold_all()


def _copy_call(begun):
    with transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO model_calls (id, task_id, submission_id, run, claim, number, mode,"
                " created_by, role, tier, provider, model, state, input_tokens, output_tokens,"
                " cost_usd, accepted, premium_usd, latency_seconds, prompt, started_at, ended_at)"
                " SELECT 'call_' || extract(epoch FROM begun), task_id, submission_id, run, claim,"
                " 10 + (SELECT count(*) FROM model_calls) + row_number() OVER (), mode, created_by,"
                " role, tier, provider, model, state, input_tokens, output_tokens, cost_usd,"
                " accepted, premium_usd, latency_seconds, prompt, begun, begun"
                " FROM (SELECT * FROM model_calls LIMIT 1) AS one,"
                " unnest(CAST(:begun AS timestamptz[])) AS begun"
            ),
            {"begun": list(begun)},
        )


def test_prometheus_needs_no_credential(client):
    factories.create()
    for accept, kind in (
        ("", "text/plain"),
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text"),
    ):
        answer = client.get("/metrics", headers={"Accept": accept})
        assert (answer.status_code, answer.content_type.startswith(kind)) == (200, True)
        assert "kyros_up 1.0\n" in answer.text
    assert answer.text.endswith("# EOF\n")
    assert client.post("/metrics").status_code == 405
