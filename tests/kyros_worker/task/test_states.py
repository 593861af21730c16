"""The states, and that Postgres computes the same word for each."""

from datetime import UTC, datetime
from typing import get_args

import pytest
from sqlalchemy import text

from kyros_worker.database import transaction
from kyros_worker.task.states import (
    BEGINNING,
    FINAL_STATES,
    OPEN_STATES,
    STATES,
    STATUS_OF,
    Status,
    cancelled,
    completed,
    failed,
    stage,
)
from kyros_worker.task.tables import Task
from tests import factories

AT = datetime(2026, 1, 31, tzinfo=UTC)


def test_every_state_has_one_of_the_four_words():
    assert tuple(STATUS_OF) == STATES
    assert set(STATUS_OF.values()) == set(get_args(Status))
    assert set(OPEN_STATES) | set(FINAL_STATES) == set(STATES)
    assert not set(OPEN_STATES) & set(FINAL_STATES)
    for state in STATES:
        assert (STATUS_OF[state] in ("completed", "failed")) == (state in FINAL_STATES)


def test_postgres_computes_the_same_status(no_tasks):
    made = factories.create()["id"]
    for state in STATES:
        factories.change(Task, made, state=state)
        assert factories.row(Task, made).status == STATUS_OF[state]


def test_postgres_indexes_the_open_states(schema):
    """The partial indexes name the open states, as `OPEN_STATES` does."""
    with transaction() as connection:
        found = connection.execute(
            text("SELECT pg_get_expr(indpred, indrelid) FROM pg_index "
                 "WHERE indexrelid = 'tasks_deadlines'::regclass")
        ).scalar_one()  # fmt: skip
    assert all(f"'{state}'" in found for state in OPEN_STATES)
    assert not any(f"'{state}'" in found for state in FINAL_STATES)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (completed({"a": 1}, AT), {"state": "completed", "result": {"a": 1},
                                   "progress_percentage": 100}),
        (failed("Why.", AT), {"state": "failed", "error": "Why."}),
        (cancelled("Why.", AT), {"state": "cancelled", "error": "Why."}),
    ],
)  # fmt: skip
def test_ends(changes, expected):
    assert changes.pop("progress_message").endswith(".")
    assert changes == {**expected, "completed_at": AT, "progress_stage": expected["state"]}


def test_stage():
    assert stage("critic", "At work.") == {
        "progress_stage": "critic", "progress_message": "At work.",
    }  # fmt: skip


def test_a_beginning_takes_back_every_end():
    ends = [completed({}, AT), failed("", AT), cancelled("", AT)]
    assert {name for end in ends for name in end} | {
        "started_at",
        "budget_wait_seconds",
        "budget_lifted",
        "escalated",
        "premium_roles",
        "asked_roles",
    } == set(BEGINNING)
