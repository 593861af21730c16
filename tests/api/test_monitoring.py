"""`/v1/monitoring`: health, and the report of costs against plain SQL over the ledger."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from kyros_worker import readiness
from kyros_worker.bulk import Writes
from kyros_worker.clock import now
from kyros_worker.cost.report import PERIODS
from kyros_worker.cost.tables import ModelCall
from kyros_worker.database import read, transaction
from kyros_worker.fleet.heartbeat import Heartbeat
from kyros_worker.settings import ROLES
from kyros_worker.submission.tables import Submission
from kyros_worker.task.lost import take_from_lost_worker
from kyros_worker.webhook.alert import raise_alert, resolve_alert
from tests import factories
from tests.budgets import budgets, no_money
from tests.credentials import bearer

__all__ = ["no_money"]

pytestmark = pytest.mark.usefixtures("no_money")

URL = "/v1/monitoring/costs"


@pytest.fixture
def money():
    """Calls of every kind: completed, refused, failed, lost, premium, running, live, unpriced."""
    factories.run(factories.create()["id"])
    factories.run(factories.create(sandbox={"refusals": 1})["id"])
    factories.run(factories.create(type="deployment", sandbox={"decision": "no_go"})["id"])
    premium = factories.create(type="review")
    factories.change(Submission, premium["submission_id"], tier="premium")
    factories.run(premium["id"])
    lost = factories.begin(factories.create()["submission_id"])
    factories.expire(lost.submission_id)
    with transaction() as connection:
        take_from_lost_worker(connection, lost.task_id, lost.submission_id)
    factories.begin(factories.create()["submission_id"])
    unpriced = factories.begin(factories.create(type="review")["submission_id"])
    factories.finish(unpriced)
    factories.change(ModelCall, unpriced.call_id, cost_usd=None, unpriced="no_price")
    live = factories.begin(factories.create(type="review")["submission_id"])
    factories.finish(live)
    factories.change(ModelCall, live.call_id, mode="live", model="else")
    old = factories.begin(factories.create(type="review")["submission_id"])
    factories.finish(old)
    factories.change(ModelCall, old.call_id, started_at=now() - timedelta(days=3))


@pytest.fixture
def get(client, admin):
    return lambda query="", headers=None: client.get(URL + query, headers=headers or admin)


def plain(period, mode="test"):
    """The same figures in plain SQL."""
    where = (
        f" FROM model_calls WHERE mode = '{mode}' AND state <> 'started'"
        f" AND started_at >= now() - interval '{period}'"
    )
    sums = (
        "coalesce(sum(cost_usd), 0)::float8 AS cost, count(*) AS calls,"
        " coalesce(sum(input_tokens), 0) AS input_tokens,"
        " coalesce(sum(output_tokens), 0) AS output_tokens"
    )
    with read() as connection:

        def by(name):
            grouped = text(f"SELECT {name} AS name, {sums}{where} GROUP BY 1")
            rows = connection.execute(grouped).mappings()
            return {row["name"]: {key: row[key] for key in row if key != "name"} for row in rows}

        total = connection.execute(text(
            f"SELECT {sums}, count(*) FILTER (WHERE unpriced IS NOT NULL) AS unpriced_calls,"
            " count(*) FILTER (WHERE estimated) AS estimated_calls,"
            " coalesce(sum(cost_usd) FILTER (WHERE estimated), 0)::float8 AS estimated_cost,"
            " (coalesce(sum(coalesce(premium_usd, cost_usd)) FILTER (WHERE accepted), 0)"
            f" - coalesce(sum(cost_usd), 0))::float8 AS saved{where}"
        )).mappings().one()  # fmt: skip
        return total, {
            "by_model": by("provider || ':' || model"), "by_role": by("role"), "by_tier": by("tier")
        }  # fmt: skip


@pytest.mark.parametrize("period", PERIODS)
def test_the_report_is_what_plain_sql_says(money, get, period):
    told = get(f"?period={period}").json["data"]
    total, groups = plain({"1d": "1 day", "7d": "7 days", "30d": "30 days"}.get(period, period))
    assert {name: told[name] for name in groups} == groups
    assert told["total_cost"] == total["cost"] > 0
    for name in ("calls", "unpriced_calls", "estimated_calls", "estimated_cost"):
        assert told[name] == total[name] > 0
    assert told["savings"]["vs_premium_only"] == total["saved"]
    assert (told["period"], told["mode"], told["currency"]) == (period, "test", "USD")
    assert sum(step["calls"] for step in told["series"]) == told["calls"]
    assert sum(step["cost"] for step in told["series"]) == pytest.approx(told["total_cost"])
    assert len(told["series"]) == {"1h": 60, "6h": 72, "1d": 24, "7d": 28, "30d": 30}[period]
    assert told["series"][0]["at"] == told["from"]


def test_the_modes_are_kept_apart(money, get, client, new_key):
    headers = bearer(new_key("monitoring:read", mode="live")["key"])
    told = get(headers=headers).json["data"]
    assert (told["mode"], told["calls"]) == ("live", 1)
    assert list(told["by_model"]) == ["sandbox:else"]


def test_without_any_call_all_is_a_number(get):
    told = get().json["data"]
    assert (told["period"], told["total_cost"], told["by_model"]) == ("1d", 0, {})
    assert told["savings"] == {
        "vs_premium_only": 0, "percentage": 0, "premium_only_cost": 0, "not_compared_answers": 0,
        "estimate": True,
    }  # fmt: skip
    assert told["budget"] == {}


def test_budgets(get, tmp_path, admin):
    with budgets(tmp_path, day={"soft": 5, "hard": 10}, key_day={"hard": 2}, task={"soft": 1}):
        spent = float(factories.run(factories.create()["id"]).cost_usd)
        told = get().json["data"]["budget"]
    today = now().date().isoformat()
    assert told == {
        "day": {"day": today, "spent": spent, "soft": 5, "hard": 10},
        "key_day": {"day": today, "spent": 0, "hard": 2},
        "task": {"soft": 1},
    }


@pytest.mark.parametrize(
    "query", ["?period=2d", "?period=", "?period=1D", "?period=1h&period=x", "?since=1d"]
)
def test_wrong_periods(get, query):
    answer = get(query)
    assert answer.status_code == 422
    assert answer.json["details"]


def test_who_may_not(client, new_key):
    headers = bearer(new_key("tasks:read")["key"])
    answer = client.get(URL, headers=headers)
    assert (answer.status_code, "monitoring:read" in answer.json["error"]) == (403, True)
    assert client.get(URL).status_code == 401


def test_a_tasks_own_costs_and_savings(client, admin):
    sandbox = {"economy": {"confidence": 0.2}}
    task = factories.run(factories.create(sandbox=sandbox)["id"])
    answer = client.get(f"/v1/tasks/{task.id}/costs", headers=admin)
    found = answer.json["data"]
    calls = factories.calls(task.id)
    assert found["total_cost"] == float(task.cost_usd)
    assert (found["calls"], found["mode"], found["task_id"]) == (4, "test", task.id)
    assert {name: one["calls"] for name, one in found["by_tier"].items()} == {
        "economy": 3,
        "premium": 1,
    }
    accepted = sum(one.premium_usd for one in calls if one.accepted)
    assert found["savings"]["premium_only_cost"] == float(accepted)
    assert found["savings"]["vs_premium_only"] == float(accepted - task.cost_usd)
    assert [one.tier for one in calls if one.accepted] == ["premium", "economy", "economy"]


def test_costs_of_a_task_that_is_not_there(client, admin):
    answer = client.get("/v1/tasks/task_0000000000000/costs", headers=admin)
    assert (answer.status_code, answer.json["data"]["status"]) == (404, "failed")


HEALTH = "/v1/monitoring/health"


@pytest.fixture
def all_work():
    with transaction() as connection:
        connection.execute(text("TRUNCATE workers, counters, webhooks, deliveries"))
        for role in (*ROLES, "webhooks"):
            Heartbeat(f"{role}@machine-1")._beat(connection)


def test_health(client, new_key, all_work):
    headers = bearer(new_key("escalations:request")["key"])
    answer = client.get(HEALTH, headers=headers)
    found = answer.json["data"]
    assert answer.status_code == 200
    assert found.pop("uptime_seconds") > 0
    assert found.pop("version")
    worker = {"status": "healthy", "count": 1, "busy": 0}
    assert found == {
        "overall_status": "healthy",
        "components": {
            "database": {"status": "healthy"},
            "broker": {"status": "healthy"},
            "workers": {"implementer": worker, "critic": worker, "integrator": worker},
            "queue": {"status": "healthy", "waiting": 0, "oldest_waiting_seconds": 0},
            "webhooks": {"status": "healthy", "count": 1, "due": 0, "oldest_due_seconds": 0},
            "models": {"status": "healthy", "left_alone": []},
            "rate_limits": {"status": "healthy", "let_through": 0},
        },
        "maintenance": {"enabled": False, "message": None},
        "test_mode": True,
    }
    assert client.get(HEALTH).status_code == 401


def test_degraded_is_200_too(client, admin, all_work, monkeypatch):
    monkeypatch.setattr(readiness, "redis_answers", lambda: False)
    answer = client.get(HEALTH, headers=admin)
    found = answer.json["data"]
    assert (answer.status_code, found["overall_status"]) == (200, "degraded")
    assert found["components"]["broker"] == {"status": "unhealthy"}
    assert found["components"]["rate_limits"]["status"] == "degraded"


def test_health_shows_maintenance(client, admin, all_work):
    sent = {"enabled": True, "message": "A move."}
    client.post("/v1/system/maintenance", json=sent, headers=admin)
    found = client.get(HEALTH, headers=admin).json["data"]
    client.post("/v1/system/maintenance", json={"enabled": False}, headers=admin)
    assert (found["maintenance"], found["overall_status"]) == (sent, "healthy")


ALERTS = "/v1/monitoring/alerts"


def test_alerts(client, admin, new_key):
    with transaction() as connection:
        writes = Writes()
        for number in range(3):
            data = {"kind": "queue_age", "message": "Work waits.", "role": "critic"}
            mode = "live" if number == 1 else None
            raise_alert(writes, f"queue_age {number}", data, now(), mode=mode)
        writes.execute(connection)
        resolve = Writes()
        resolve_alert(resolve, "queue_age 0", data, now(), mode=None)
        resolve.execute(connection)
    found = client.get(ALERTS, headers=admin).json["data"]
    assert [(one["alert"], one["status"]) for one in found["alerts"]] == [
        ("queue_age 2", "raised"), ("queue_age 0", "resolved"),
    ]  # fmt: skip
    assert found["alerts"][0]["data"] == {"role": "critic"}
    first = client.get(f"{ALERTS}?limit=1", headers=admin).json["data"]
    rest = client.get(f"{ALERTS}?cursor={first['next_cursor']}", headers=admin).json["data"]
    assert [*first["alerts"], *rest["alerts"]] == found["alerts"]
    for status in ("raised", "resolved"):
        shown = client.get(f"{ALERTS}?status={status}", headers=admin).json["data"]["alerts"]
        assert [one["status"] for one in shown] == [status]
    assert client.get(f"{ALERTS}?status=open", headers=admin).status_code == 422
    nobody = bearer(new_key("tasks:read")["key"])
    assert client.get(ALERTS, headers=nobody).status_code == 403
