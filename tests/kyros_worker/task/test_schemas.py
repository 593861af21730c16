"""What a client may send about a task."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from kyros_worker import strict_json
from kyros_worker.task.schemas import (
    NewAgentSubmission,
    NewTask,
    NewTasks,
    TaskFilter,
    TimelinePage,
    Wait,
)

KIB = 1024
OPTIONAL = sorted(NewTask.model_fields.keys() - {"title"})


def faults(model, value):
    with pytest.raises(ValidationError) as refused:
        model.model_validate(value)
    return [".".join(map(str, one["loc"])) for one in refused.value.errors()]


def test_defaults():
    new = NewTask.model_validate({"title": "x"})
    assert (new.type, new.priority, new.deadline_seconds) == ("implementation", "medium", 86_400)


@pytest.mark.parametrize("name", OPTIONAL)
def test_null_is_absent(name):
    assert NewTask.model_validate({"title": "x", name: None}) == NewTask.model_validate(
        {"title": "x"}
    )


def test_a_title_is_required():
    assert faults(NewTask, {}) == ["title"]
    assert faults(NewTask, {"title": None}) == ["title"]


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "x" * 300},
        {"title": "🔑" * 300},
        {"description": ""},
        {"description": "x" * 512 * KIB},
        {"description": "é" * 256 * KIB},
        {"type": "a"},
        {"type": "security_review-2"},
        {"type": "x" * 64},
        {"acceptance_criteria": []},
        {"acceptance_criteria": ["x"] * 100},
        {"acceptance_criteria": ["é" * 2 * KIB]},
        {"files_to_modify": ["x" * 1024] * 1000},
        {"metadata": {}},
        {"metadata": {"a": "x" * (64 * KIB - 8)}},
        {"metadata": {"": None, "1": [{}], "big": 10**400}},
        {"context": {"files": {}}},
        {"dedupe_key": "x" * 255},
        {"deadline_seconds": 1},
        {"deadline_seconds": 60.0},
        {"deadline_seconds": 30 * 86_400},
        {"complexity": "low", "priority": "critical", "assignee_role": "critic"},
    ],
)
def test_accepted(fields):
    NewTask.model_validate({"title": "x", **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"title": ""},
        {"title": "x" * 301},
        {"title": 1},
        {"title": ["x"]},
        {"description": "x" * (512 * KIB + 1)},
        {"description": "é" * (256 * KIB + 1)},
        {"description": {}},
        {"type": ""},
        {"type": "Implementation"},
        {"type": "two words"},
        {"type": "1st"},
        {"type": "é"},
        {"type": "review\n"},
        {"type": "x" * 65},
        {"priority": "urgent"},
        {"priority": "High"},
        {"priority": 1},
        {"assignee_role": "nobody"},
        {"assignee_role": ""},
        {"acceptance_criteria": "works"},
        {"acceptance_criteria": ["x"] * 101},
        {"files_to_modify": ["x"] * 1001},
        {"complexity": "none"},
        {"metadata": []},
        {"metadata": "{}"},
        {"metadata": {"a": "x" * (64 * KIB - 7)}},
        {"metadata": {"a": "é" * 32 * KIB}},
        {"context": []},
        {"context": {"files": []}},
        {"dedupe_key": ""},
        {"dedupe_key": "x" * 256},
        {"deadline_seconds": 0},
        {"deadline_seconds": -1},
        {"deadline_seconds": 30 * 86_400 + 1},
        {"deadline_seconds": "60"},
        {"deadline_seconds": True},
        {"deadline_seconds": 1.5},
        {"deadline_seconds": 10**30},
        {"id": "task_1"},
        {"status": "completed"},
        {"tittle": "x"},
        {"": ""},
    ],
)
def test_refused(fields):
    assert faults(NewTask, {"title": "x", **fields}) == list(fields)


@pytest.mark.parametrize("name", ["acceptance_criteria", "files_to_modify"])
@pytest.mark.parametrize("item", ["", None, 1, ["x"], "é" * (2 * KIB + 1)])
def test_a_wrong_item_is_named_by_its_place(name, item):
    assert faults(NewTask, {"title": "x", name: ["fine", item]}) == [f"{name}.1"]


def test_every_wrong_field_is_listed():
    assert faults(NewTask, {"title": "", "priority": 1, "typo": 1}) == ["title", "priority", "typo"]


@given(st.sampled_from(OPTIONAL), st.none() | st.booleans() | st.integers() | st.text() | st.lists(
    st.integers()) | st.dictionaries(st.text(), st.integers()))  # fmt: skip
def test_no_value_is_converted(name, value):
    """What is taken is taken as it is: a string is never a number, a number never a string."""
    try:
        new = NewTask.model_validate({"title": "x", name: value})
    except ValidationError:
        return
    assert value is None or getattr(new, name) == value
    assert value is None or type(getattr(new, name)) is type(value)


def test_batches():
    assert len(NewTasks.model_validate({"tasks": [{"title": "x"}] * 1000}).tasks) == 1000
    assert faults(NewTasks, {"tasks": []}) == ["tasks"]
    assert faults(NewTasks, {"tasks": [{"title": "x"}] * 1001}) == ["tasks"]
    assert faults(NewTasks, {"tasks": None}) == ["tasks"]
    assert faults(NewTasks, {"tasks": [{"title": "x"}, {"title": ""}, 1]}) == [
        "tasks.1.title", "tasks.2",
    ]  # fmt: skip


def test_agent_submissions():
    assert NewAgentSubmission.model_validate({"task_id": "t", "context": None}).context is None
    assert faults(NewAgentSubmission, {"context": {"files": 1}}) == ["task_id", "context"]
    assert faults(NewAgentSubmission, {"task_id": "x" * 65}) == ["task_id"]


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (TaskFilter, {"limit": "0"}),
        (TaskFilter, {"limit": "201"}),
        (TaskFilter, {"limit": "1.0"}),
        (TaskFilter, {"limit": "\uff11"}),
        (TaskFilter, {"limit": " 1"}),
        (TaskFilter, {"limit": ""}),
        (TaskFilter, {"status": "queued"}),
        (TaskFilter, {"state": "pending"}),
        (TaskFilter, {"priority": ""}),
        (TaskFilter, {"type": "Two words"}),
        (TaskFilter, {"created_after": "yesterday"}),
        (TaskFilter, {"created_after": "2026-01-31"}),
        (TaskFilter, {"created_after": "2026-01-31T09:30:00"}),
        (TaskFilter, {"created_before": "2026-02-30T09:30:00Z"}),
        (TaskFilter, {"q": ""}),
        (TaskFilter, {"q": "x" * 301}),
        (TaskFilter, {"cursor": ""}),
        (TaskFilter, {"offset": "1"}),
        (TimelinePage, {"limit": "201"}),
        (Wait, {"wait": "61"}),
        (Wait, {"wait": "-1"}),
        (Wait, {"wait": "1e1"}),
    ],
)  # fmt: skip
def test_queries_refused(model, query):
    assert faults(model, query) == list(query)


def test_sizes_are_those_of_the_json_that_is_kept():
    metadata = {"a": ["é", 1.5, None, {"b": "\\"}]}
    size = len(strict_json.dumps(metadata).encode())
    metadata["c"] = "x" * (64 * KIB - size - len(',"c":""'))
    NewTask.model_validate({"title": "x", "metadata": metadata})
    metadata["c"] += "x"
    assert faults(NewTask, {"title": "x", "metadata": metadata}) == ["metadata"]
