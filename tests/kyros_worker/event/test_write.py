"""Events: numbered without gaps, read from any number on."""

from concurrent.futures import ThreadPoolExecutor

from kyros_worker import database
from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.event.queries import events_after
from kyros_worker.event.write import NewEvent
from kyros_worker.task.change import lock_task, write_change
from tests import factories


def tell(task_id, *types):
    with transaction() as connection:
        task = lock_task(connection, task_id)
        write_change(connection, task, now(), {}, [NewEvent(one, {"é": 1}) for one in types])


def test_numbers_have_no_gap_whoever_writes(no_tasks):
    task_id = factories.create()["id"]
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda turn: tell(task_id, *["x"] * (turn % 3 + 1)), range(60)))
    assert len(factories.events(task_id)) == 2 + 120


def test_what_is_rolled_back_leaves_no_gap(no_tasks):
    task_id = factories.create()["id"]
    with database.engine().connect() as connection:
        task = lock_task(connection, task_id)
        write_change(connection, task, now(), {}, ["task.progress"])
        connection.rollback()
    tell(task_id, "x")
    assert factories.types(task_id)[2:] == ["x"]


def test_events_after(no_tasks):
    task_id, other = factories.create()["id"], factories.create()["id"]
    tell(task_id, "a", "b", "c")
    tell(other, "d")
    with read() as connection:
        for after, limit, expected in [
            (0, 10, ["task.created", "submission.queued", "a", "b", "c"]),
            (2, 2, ["a", "b"]),
            (5, 10, []),
            (10**9 - 1, 10, []),
        ]:
            found = events_after(connection, task_id, after, limit)
            assert [one["type"] for one in found] == expected
        assert found == []
        assert events_after(connection, task_id, 2, 1)[0]["data"] == {"é": 1}
