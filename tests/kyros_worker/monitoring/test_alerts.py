"""Alerts: raised once, resolved once, by whomever they are noticed."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from kyros_worker.audit.actor import SYSTEM
from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.event.tables import SystemEvent
from kyros_worker.fleet.heartbeat import Heartbeat
from kyros_worker.fleet.maintenance import change_maintenance
from kyros_worker.monitoring import alerts as alerts_module
from kyros_worker.monitoring.alerts import Watch, check_alerts, newest_alerts
from kyros_worker.submission.tables import Submission
from kyros_worker.webhook.endpoints import change_webhook, delete_webhook
from kyros_worker.webhook.schemas import ChangedWebhook
from kyros_worker.words import ROLES
from tests import factories, stories
from tests.at_once import at_once
from tests.budgets import budgets
from tests.live_models import configured, on
from tests.webhooks import webhook

FLEETS = (*ROLES, "webhooks")


@pytest.fixture(autouse=True)
def _quiet(nobody_works):
    with transaction() as connection:
        connection.execute(text("TRUNCATE spendings"))
        for fleet in FLEETS:
            Heartbeat(f"{fleet}@machine-1")._beat(connection)


def check(watch=None):
    with transaction() as connection:
        check_alerts(connection, watch or Watch())


def told():
    """Every `system.alert`, oldest first: its key and its status."""
    with read() as connection:
        found = connection.execute(select(SystemEvent).order_by(SystemEvent.id)).all()
    assert {one.type for one in found} <= {"system.alert"}
    return [(one.data["alert"], one.data["status"]) for one in found]


def listed(status=None, mode="test"):
    with read() as connection:
        return newest_alerts(connection, mode, status, 50)


def end_tasks(completed, failed):
    for state, count in (("completed", completed), ("failed", failed)):
        for _ in range(count):
            factories.in_state(state, type="review")


def test_where_all_is_well_there_is_none():
    end_tasks(3, 0)
    check()
    assert (told(), listed()) == ([], [])


@pytest.mark.parametrize(
    ("completed", "failed", "raised"),
    [(5, 5, True), (6, 5, False), (0, 9, False), (0, 10, True), (5, 4, False)],
)
def test_the_failure_rate_of_enough_tasks(completed, failed, raised):
    end_tasks(completed, failed)
    check()
    stories.fold_all()
    check()
    assert told() == [("failure_rate test", "raised")] * raised


def test_it_is_over_when_its_rule_holds_no_more():
    end_tasks(0, 10)
    check()
    check()
    end_tasks(11, 0)
    check()
    check()
    end_tasks(0, 2)
    check()
    key = "failure_rate test"
    assert told() == [(key, "raised"), (key, "resolved"), (key, "raised")]
    newest, oldest = listed()
    assert (newest["status"], newest["resolved_at"]) == ("raised", None)
    assert (oldest["status"], oldest["data"]["failed"]) == ("resolved", 10)
    assert [one["id"] for one in listed("raised")] == [newest["id"]]
    assert [one["id"] for one in listed("resolved")] == [oldest["id"]]
    assert listed(mode="live") == []


def test_old_failures_are_out_of_the_window(tmp_path):
    end_tasks(0, 10)
    stories.fold_all()
    with transaction() as connection:
        connection.execute(text("UPDATE task_sums SET at = at - interval '15 minutes'"
                                " WHERE span = 'minute'"))  # fmt: skip
    check()
    assert told() == []
    rule = "[alerts.failure_rate]\nwindow_minutes = 30\n"
    with configured(tmp_path / "alerts.toml", rule):
        check()
    assert told() == [("failure_rate test", "raised")]


def test_cancelled_tasks_have_not_failed():
    for _ in range(12):
        factories.in_state("cancelled")
    check()
    assert told() == []


def wait_for(seconds, **fields):
    submission_id = factories.create(**fields)["submission_id"]
    factories.change(Submission, submission_id, due_at=now() - timedelta(seconds=seconds))
    return submission_id


def test_work_that_waits_too_long():
    wait_for(540, type="review")
    submission_id = wait_for(601)
    check()
    check()
    assert told() == [("queue_age implementer", "raised")]
    assert listed()[0]["mode"] is None
    factories.begin(submission_id)
    check()
    assert told()[1:] == [("queue_age implementer", "resolved")]


def test_during_maintenance_nothing_is_late():
    with transaction() as connection:
        change_maintenance(connection, factories.WHO, SYSTEM, enabled=True, message=None)
        connection.execute(text("TRUNCATE system_events"))
    wait_for(3600)
    check()
    assert told() == []


def test_a_fleet_without_a_worker_for_so_long(monkeypatch):
    at = [1000.0]
    monkeypatch.setattr(alerts_module.time, "monotonic", lambda: at[0])
    watch = Watch()
    with transaction() as connection:
        connection.execute(text("DELETE FROM workers WHERE role = 'critic'"))
    for seconds, count in ((0, 0), (59, 0), (60, 1), (120, 1)):
        at[0] = 1000 + seconds
        check(watch)
        assert told() == [("no_workers critic", "raised")] * count
    check()
    assert len(told()) == 1  # another dispatcher, which has just begun to look
    with transaction() as connection:
        Heartbeat("critic@machine-2")._beat(connection)
    check(watch)
    assert told()[1:] == [("no_workers critic", "resolved")]
    with transaction() as connection:
        connection.execute(text("DELETE FROM workers WHERE role = 'critic'"))
    check(watch)
    assert len(told()) == 2


def test_of_many_dispatchers_one_tells():
    end_tasks(0, 10)
    at_once(lambda _: check(), range(6))
    assert told() == [("failure_rate test", "raised")]
    end_tasks(11, 0)
    at_once(lambda _: check(), range(6))
    assert told()[1:] == [("failure_rate test", "resolved")]


def test_rules_can_be_turned_off(tmp_path):
    end_tasks(0, 10)
    wait_for(3600)
    check()
    assert len(told()) == 2
    off = "".join(
        f"[alerts.{name}]\nenabled = false\n"
        for name in ("failure_rate", "queue_age", "no_workers")
    )
    with configured(tmp_path / "alerts.toml", off):
        check()
    assert sorted(told()) == sorted(
        (key, status)
        for key in ("failure_rate test", "queue_age implementer")
        for status in ("raised", "resolved")
    )


@pytest.mark.parametrize("ends", ["enabled", "deleted"])
def test_a_disabled_endpoint(ends):
    endpoint = webhook("task.created")["id"]
    factories.create()
    delivery = stories.rows("SELECT id FROM deliveries WHERE event_type = 'task.created'")[0][0]
    stories.attempt(delivery, 410)
    key = f"webhook_disabled {endpoint}"
    check()
    assert told() == [(key, "raised")]
    with transaction() as connection:
        if ends == "enabled":
            change_webhook(connection, endpoint, ChangedWebhook(enabled=True), "test", SYSTEM)
        else:
            delete_webhook(connection, endpoint, "test", SYSTEM)
    check()
    assert told()[1:] == [(key, "resolved")]


def test_an_endpoint_that_somebody_disabled_is_no_alert():
    endpoint = webhook()["id"]
    for enabled in (False, True):
        with transaction() as connection:
            change_webhook(connection, endpoint, ChangedWebhook(enabled=enabled), "test", SYSTEM)
    assert told() == []


def test_a_budget_is_over_with_its_day(tmp_path, monkeypatch):
    with budgets(tmp_path, day={"soft": 0.000001}):
        factories.run(factories.create(type="review")["id"])
        check()
        (raised,) = told()
        assert raised[1] == "raised"
        tomorrow = now() + timedelta(days=1)
        monkeypatch.setattr(alerts_module, "now", lambda: tomorrow)
        check()
        check()
        assert told()[1:] == [(raised[0], "resolved")]
        # What is settled later still counts to the day, and is not told again.
        factories.run(factories.create(type="review")["id"])
        check()
        assert len(told()) == 2


def test_a_provider_whose_model_is_configured_no_more(tmp_path):
    from kyros_worker.bulk import Writes
    from kyros_worker.webhook.alert import raise_alert

    with transaction() as connection:
        connection.execute(text("INSERT INTO breakers (id, faults, open_until) VALUES"
                                " ('local:mine', 5, now() + interval '1 minute')"))  # fmt: skip
        writes = Writes()
        data = {"kind": "provider_down", "message": "It fails.", "model": "local:mine"}
        raise_alert(writes, "provider_down local:mine", data, now(), mode="live")
        writes.execute(connection)
    with configured(tmp_path / "models.toml", on("http://127.0.0.1:9/v1")):
        check()
        assert told() == [("provider_down local:mine", "raised")]
    check()
    assert told()[1:] == [("provider_down local:mine", "resolved")]


def test_they_reach_endpoints():
    endpoint = webhook("system.alert")["id"]
    end_tasks(0, 10)
    check()
    found = stories.rows(
        "SELECT body FROM deliveries JOIN event_bodies USING (event_id) WHERE webhook_id = :id",
        id=endpoint,
    )
    assert len(found) == 1
    assert '"alert":"failure_rate test","status":"raised"' in found[0][0]
