"""Hearing of a task's events, by one connection for all watchers."""

import pytest
from sqlalchemy import text

from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.event import listen
from kyros_worker.event.write import NewEvent
from kyros_worker.task.change import lock_task, write_change
from tests import factories


@pytest.fixture
def listener(schema, monkeypatch):
    monkeypatch.setattr(listen, "_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(listen, "_QUIET_SECONDS", 0.05)
    return listen.Listener()


def tell(task_id):
    with transaction() as connection:
        task = lock_task(connection, task_id)
        write_change(connection, task, now(), {}, [NewEvent("x", {})])


def test_its_watchers_hear_of_a_change_and_nobody_else(no_tasks, listener):
    one, other = factories.create()["id"], factories.create()["id"]
    with (
        listener.watching(one) as first,
        listener.watching(one) as second,
        listener.watching(other) as third,
    ):
        for changed in (first, second, third):
            assert changed.wait(20), "everybody is woken when the connection is made"
            changed.clear()
        tell(one)
        assert first.wait(20)
        assert second.wait(20)
        assert not third.is_set()
    assert listener._watchers == {}


def test_everybody_is_woken_when_the_connection_was_lost(no_tasks, listener):
    with listener.watching("task_1") as changed:
        assert changed.wait(20)
        changed.clear()
        with read() as connection:
            ended = connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE "
                    "'LISTEN%' OR query = 'SELECT 1' AND pid <> pg_backend_pid() "
                    "AND application_name <> 'kyros'"
                )
            ).all()
        assert ended
        assert changed.wait(20)
