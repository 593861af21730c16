"""How all of it is."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import text, update

from kyros_worker.audit.actor import SYSTEM
from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.fleet.heartbeat import Heartbeat
from kyros_worker.fleet.maintenance import change_maintenance
from kyros_worker.monitoring import health
from kyros_worker.monitoring.health import overall, read_components, read_health, statuses
from kyros_worker.settings import ROLES
from kyros_worker.submission.tables import Submission
from kyros_worker.task.tables import Task
from kyros_worker.webhook.endpoints import change_webhook
from kyros_worker.webhook.schemas import ChangedWebhook
from tests import factories
from tests.live_models import configured, on
from tests.webhooks import webhook


def components(database="healthy", broker="healthy", critic="healthy", models="healthy"):
    return {
        "database": {"status": database},
        "broker": {"status": broker},
        "workers": {"implementer": {"status": "healthy"}, "critic": {"status": critic}},
        "models": {"status": models},
    }


@pytest.mark.parametrize(
    ("found", "word"),
    [
        ({}, "healthy"),
        ({"broker": "unhealthy"}, "degraded"),
        ({"critic": "unhealthy"}, "degraded"),
        ({"models": "degraded"}, "degraded"),
        ({"broker": "unhealthy", "critic": "unhealthy", "models": "degraded"}, "degraded"),
        ({"database": "unhealthy"}, "unhealthy"),
        ({"database": "unhealthy", "critic": "unknown", "models": "unknown"}, "unhealthy"),
    ],
)
def test_overall(found, word):
    assert overall(components(**found)) == word


def test_statuses():
    assert statuses(components(critic="unhealthy")) == {
        "database": "healthy", "broker": "healthy", "workers.implementer": "healthy",
        "workers.critic": "unhealthy", "models": "healthy",
    }  # fmt: skip


def work(*roles):
    with transaction() as connection:
        for role in roles:
            Heartbeat(f"{role}@machine-1")._beat(connection)


def test_each_role_needs_a_worker(nobody_works):
    work("critic")
    found = read_health(broker_answers=True)
    assert found["components"]["workers"] == {
        "implementer": {"status": "unhealthy", "count": 0, "busy": 0},
        "critic": {"status": "healthy", "count": 1, "busy": 0},
        "integrator": {"status": "unhealthy", "count": 0, "busy": 0},
    }
    assert found["overall_status"] == "degraded"
    work(*ROLES, "webhooks")
    assert read_health(broker_answers=True)["overall_status"] == "healthy"
    assert read_health(broker_answers=False)["overall_status"] == "degraded"


def test_a_model_that_is_left_alone(nobody_works, tmp_path):
    work(*ROLES, "webhooks")
    with transaction() as connection:
        connection.execute(text(
            "INSERT INTO breakers (id, faults, open_until, error_kind) VALUES "
            "('local:mine', 5, now() + interval '1 minute', 'timeout'), "
            "('local:removed', 5, now(), 'timeout')"
        ))  # fmt: skip
    with configured(tmp_path / "models.toml", on("http://127.0.0.1:9/v1")), read() as connection:
        found = read_components(connection, broker_answers=True)
    assert found["models"] == {
        "status": "degraded",
        "left_alone": [{"model": "local:mine", "state": "open", "error_kind": "timeout"}],
    }
    assert overall(found) == "degraded"


def test_while_postgres_is_away(schema, monkeypatch):
    from psycopg2 import OperationalError as PsycopgError
    from sqlalchemy.exc import OperationalError

    def gone():
        raise OperationalError("", {}, PsycopgError("gone"))

    monkeypatch.setattr(health, "read", gone)
    found = read_health(broker_answers=True)
    assert found["overall_status"] == "unhealthy"
    assert found["components"]["database"] == {"status": "unhealthy"}
    assert found["components"]["workers"]["critic"] == {
        "status": "unknown", "count": None, "busy": None,
    }  # fmt: skip
    assert found["maintenance"] is None


def found_components():
    with read() as connection:
        return read_components(connection, broker_answers=True)


def test_who_is_busy(nobody_works):
    work(*ROLES, "webhooks")
    for _ in range(2):
        factories.begin(factories.create(type="review")["submission_id"], worker="machine-1:7")
    factories.begin(factories.create(type="review")["submission_id"], worker="machine-2:7")
    # One that works for both modes is one.
    live = factories.begin(factories.create(type="review")["submission_id"], worker="machine-1:7")
    with transaction() as connection:
        connection.execute(update(Task).where(Task.id == live.task_id).values(mode="live"))
    workers = found_components()["workers"]
    assert {role: workers[role]["busy"] for role in ROLES} == {
        "implementer": 0, "critic": 2, "integrator": 0,
    }  # fmt: skip


@pytest.mark.parametrize(("seconds", "status"), [(540, "healthy"), (601, "degraded")])
def test_work_that_waits_too_long(nobody_works, seconds, status):
    work(*ROLES, "webhooks")
    for _ in range(2):
        factories.create()
    factories.change(Submission, factories.create()["submission_id"],
                     due_at=now() - timedelta(seconds=seconds))  # fmt: skip
    found = found_components()
    assert (found["queue"]["status"], found["queue"]["waiting"]) == (status, 3)
    assert seconds <= found["queue"]["oldest_waiting_seconds"] < seconds + 60
    assert overall(found) == status


def test_during_maintenance_nothing_is_late(nobody_works):
    factories.change(Submission, factories.create()["submission_id"],
                     due_at=now() - timedelta(hours=1))  # fmt: skip
    with transaction() as connection:
        change_maintenance(connection, factories.WHO, SYSTEM, enabled=True, message=None)
    assert found_components()["queue"]["status"] == "healthy"


@pytest.mark.parametrize(
    ("workers", "seconds", "status"),
    [(True, 240, "healthy"), (True, 301, "degraded"), (False, 301, "unhealthy")],
)
def test_deliveries_that_are_late(nobody_works, workers, seconds, status):
    work(*ROLES, *(["webhooks"] if workers else []))
    endpoint = webhook("task.created")["id"]
    factories.create()
    with transaction() as connection:
        late = {"at": now() - timedelta(seconds=seconds)}
        connection.execute(text("UPDATE deliveries SET due_at = :at"), late)
    found = found_components()["webhooks"]
    assert (found["status"], found["due"]) == (status, 1)
    assert seconds <= found["oldest_due_seconds"] < seconds + 60
    with transaction() as connection:
        disabled = ChangedWebhook(enabled=False)
        change_webhook(connection, endpoint, disabled, "test", SYSTEM)
    assert found_components()["webhooks"]["due"] == 0


@pytest.mark.parametrize("test_mode", [True, False])
def test_the_mode_of_the_deployment(nobody_works, monkeypatch, test_mode):
    from kyros_worker.settings import current

    settings = SimpleNamespace(test_mode=test_mode, configuration=current().configuration)
    monkeypatch.setattr(health, "current", lambda: settings)
    assert read_health(broker_answers=True)["test_mode"] is test_mode
