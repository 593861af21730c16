"""A task as it is answered, and as the OpenAPI document says that it is."""

from api.v1.task_answers import TaskRecord, TaskStatus
from kyros_worker.database import read
from kyros_worker.task import present
from kyros_worker.task.queries import get_fixed, get_status, get_task
from kyros_worker.task.tables import Task
from tests import factories


def test_every_documented_field_is_there_and_no_other(no_tasks):
    for state in ("queued", "running", "waiting", "completed", "failed", "cancelled"):
        task_id = factories.in_state(state, metadata={"a": 1})
        with read() as connection:
            task = get_task(connection, task_id, "test")
            status = get_status(connection, task_id, "test")
        assert task.keys() == TaskRecord.model_fields.keys()
        assert status.keys() == TaskStatus.model_fields.keys()
        TaskRecord.model_validate(task, strict=True)
        TaskStatus.model_validate(status, strict=True)
        assert task.items() >= status.items()


def test_the_two_parts_are_the_whole(no_tasks):
    task_id = factories.in_state("completed")
    with read() as connection:
        fixed, task = get_fixed(connection, task_id, "test"), get_task(connection, task_id, "test")
    row = factories.row(Task, task_id)._mapping
    assert present.whole(fixed, present.changing(row)) == task
    assert present.fixed(row) == fixed
    assert list(present.whole(fixed, present.changing(row))) == list(task), "in the same order"


def test_the_columns_that_are_named_suffice(no_tasks):
    row = dict(factories.row(Task, factories.in_state("failed"))._mapping)
    names = {"metadata_": "metadata"}
    for columns, part in ((present.CHANGING, present.changing), (present.FIXED, present.fixed)):
        keys = [names.get(column.key, column.key) for column in columns]
        assert part({key: row[key] for key in keys}) == part(row)
