"""How all of it is."""

from types import SimpleNamespace

import pytest

from kyros_worker.database import read, transaction
from kyros_worker.monitoring import health
from kyros_worker.monitoring.health import overall, read_components, read_health, statuses
from kyros_worker.monitoring.heartbeat import Heartbeat
from kyros_worker.settings import ROLES
from tests.live_models import configured, on


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
        "implementer": {"status": "unhealthy", "count": 0},
        "critic": {"status": "healthy", "count": 1},
        "integrator": {"status": "unhealthy", "count": 0},
    }
    assert found["overall_status"] == "degraded"
    work(*ROLES, "webhooks")
    assert read_health(broker_answers=True)["overall_status"] == "healthy"
    assert read_health(broker_answers=False)["overall_status"] == "degraded"


def test_a_model_that_is_left_alone(nobody_works, tmp_path):
    from sqlalchemy import text

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
    assert found["components"]["workers"]["critic"] == {"status": "unknown", "count": None}
    assert found["maintenance"] is None


@pytest.mark.parametrize("test_mode", [True, False])
def test_the_mode_of_the_deployment(nobody_works, monkeypatch, test_mode):
    from kyros_worker.settings import current

    settings = SimpleNamespace(test_mode=test_mode, configuration=current().configuration)
    monkeypatch.setattr(health, "current", lambda: settings)
    assert read_health(broker_answers=True)["test_mode"] is test_mode
