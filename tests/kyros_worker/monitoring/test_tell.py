"""`system.health_check` events."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from kyros_worker import readiness
from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.dispatch import health
from kyros_worker.event.tables import SystemEvent
from kyros_worker.fleet.heartbeat import Heartbeat
from kyros_worker.monitoring.alerts import Watch
from kyros_worker.monitoring.tables import ToldHealth
from kyros_worker.monitoring.tell import is_to_be_told, tell_health
from kyros_worker.settings import ROLES
from tests.at_once import at_once

AT = now()
WELL = {"database": "healthy", "broker": "healthy"}


@pytest.mark.parametrize(
    ("overall_status", "found", "seconds", "expected"),
    [
        ("healthy", WELL, 0, False),
        ("healthy", WELL, 3599, False),
        ("healthy", WELL, 3600, True),
        ("degraded", WELL, 0, True),
        ("healthy", WELL | {"broker": "unhealthy"}, 0, True),
        ("healthy", WELL | {"webhooks": "healthy"}, 0, True),
    ],
)
def test_is_to_be_told(overall_status, found, seconds, expected):
    told = {"overall_status": "healthy", "statuses": WELL, "at": AT}
    at = AT + timedelta(seconds=seconds)
    assert is_to_be_told(told, overall_status, found, at) is expected


@pytest.fixture
def all_work(nobody_works):
    with transaction() as connection:
        for role in (*ROLES, "webhooks"):
            Heartbeat(f"{role}@machine-1")._beat(connection)


def tell(*, broker_answers=True):
    with transaction() as connection:
        tell_health(connection, broker_answers=broker_answers)


def told():
    with read() as connection:
        rows = connection.execute(select(SystemEvent).order_by(SystemEvent.id)).all()
    assert {(row.type, row.mode) for row in rows} == {("system.health_check", None)}
    return [(row.data["previous_status"], row.data["overall_status"]) for row in rows]


def test_each_change_is_told_once(all_work):
    for answers in (True, True, False, False, True):
        tell(broker_answers=answers)
    assert told() == [(None, "healthy"), ("healthy", "degraded"), ("degraded", "healthy")]


def test_a_component_may_change_while_the_whole_does_not(all_work):
    tell(broker_answers=False)
    with transaction() as connection:
        connection.execute(text("DELETE FROM workers WHERE role = 'critic'"))
    tell(broker_answers=False)
    assert told() == [(None, "degraded"), ("degraded", "degraded")]


def test_another_worker_of_a_role_is_no_change(all_work):
    tell()
    with transaction() as connection:
        Heartbeat("critic@machine-2")._beat(connection)
    tell()
    assert len(told()) == 1


def test_it_is_told_each_hour(all_work):
    tell()
    with transaction() as connection:
        connection.execute(update(ToldHealth).values(at=func.now() - timedelta(hours=1)))
    tell()
    tell()
    assert told() == [(None, "healthy"), ("healthy", "healthy")]


@pytest.mark.parametrize("is_first", [True, False])
def test_of_many_dispatchers_one_tells(all_work, is_first):
    if not is_first:
        tell(broker_answers=False)
    at_once(lambda _: tell(), range(6))
    assert len(told()) == (1 if is_first else 2)


def test_the_dispatcher_asks_the_broker(all_work, monkeypatch):
    monkeypatch.setattr(readiness, "redis_answers", lambda: False)
    health.check(Watch())
    assert told() == [(None, "degraded")]
