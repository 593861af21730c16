"""What the tests of the command line's HTTP side share: a scripted API and a task."""

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.kyros_worker.command.scripted_api import ScriptedApi

MakeTask = Callable[..., dict[str, Any]]


@pytest.fixture
def api() -> Iterator[ScriptedApi]:
    scripted = ScriptedApi()
    yield scripted
    scripted.stop()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, in seconds; none takes any time."""
    made: list[float] = []
    # The client's own `time` alone: other threads of this process sleep too.
    clock = SimpleNamespace(sleep=made.append, monotonic=time.monotonic)
    monkeypatch.setattr("kyros_worker.command.client.time", clock)
    return made


@pytest.fixture
def make_task() -> MakeTask:
    """`make_task(change, **fields)`: a task whose last change was in second `change`."""

    def make(change: int = 0, **fields: Any) -> dict[str, Any]:
        percentage = fields.pop("percentage", 0)
        stage = fields.pop("stage", fields.get("state", "queued"))
        return {
            "id": "task_17953903388844524678222",
            "title": "Add a limit",
            "description": "",
            "type": "implementation",
            "priority": "medium",
            "assignee_role": "implementer",
            "mode": "test",
            "state": "queued",
            "status": "pending",
            "progress": {"percentage": percentage, "stage": stage, "message": f"At {stage}."},
            "result": None,
            "error": None,
            "cost_usd": 0.00235675,
            "unpriced_calls": 0,
            "model_tier": None,
            "url": "http://127.0.0.1:8000/tasks/task_17953903388844524678222",
            "metadata": {},
            "created_at": "2026-11-22T23:32:00.000000Z",
            "completed_at": None,
            "updated_at": f"2026-11-22T23:32:{change:02}.000000Z",
            **fields,
        }

    return make
