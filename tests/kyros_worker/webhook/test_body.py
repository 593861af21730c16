import copy
import json
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kyros_worker.webhook.body import MAX_BYTES, TEST_BODY, body

AT = "2026-01-31T09:30:00.000Z"
TASK = {
    "id": "task_17953895630306604808820",
    "title": "Add a login",
    "description": "",
    "type": "implementation",
    "priority": "medium",
    "assignee_role": "implementer",
    "acceptance_criteria": [],
    "files_to_modify": [],
    "complexity": None,
    "metadata": {},
    "deadline_seconds": 86_400,
    "dedupe_key": None,
    "mode": "live",
    "created_by": "key_0000000000001",
    "created_at": AT,
    "url": "http://localhost:8000/tasks/task_17953895630306604808820",
    "status": "completed",
    "progress": {"percentage": 100, "stage": "completed", "message": None},
    "updated_at": AT,
    "state": "completed",
    "cancelled": False,
    "result": None,
    "error": None,
    "cost_usd": 0.00123,
    "unpriced_calls": 0,
    "model_tier": "economy",
    "escalated": False,
    "submission_id": "sub_1",
    "deadline_at": AT,
    "started_at": AT,
    "completed_at": AT,
}
FREE = {"title", "description", "acceptance_criteria", "files_to_modify", "metadata", "result",
        "error", "progress"}  # fmt: skip


def of(**fields):
    made = body("evt_1", "task.completed", AT, {**TASK, **fields})
    return made, json.loads(made)["data"]


def repeated(piece, size):
    return st.builds(lambda piece, size: piece * (size // len(piece)), piece, st.integers(0, size))


pieces = st.sampled_from(["a", "é", "😀", "\x01", '"', "\\", "\u2028", "long words "])
# Long lists hold what is short: repeated inside each other they would be larger than any machine.
short = st.none() | st.integers() | st.floats() | st.text(max_size=20)
many = st.builds(lambda value, count: [value] * count, short, st.integers(0, 5_000))
values = st.recursive(
    short | many | repeated(pieces, 60_000),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=20) | repeated(pieces, 60_000), inner, max_size=4)
    ),
    max_leaves=6,
)
objects = st.dictionaries(st.text(max_size=20), values, max_size=4)
tasks = st.fixed_dictionaries(
    {
        "title": repeated(pieces, 300),
        "description": repeated(pieces, 512 * 1024),
        "acceptance_criteria": st.builds(
            lambda text, count: [text] * count, repeated(pieces, 4096), st.integers(0, 100)
        ),
        "files_to_modify": st.builds(
            lambda text, count: [text] * count, repeated(pieces, 1024), st.integers(0, 1000)
        ),
        "metadata": objects,
        "result": st.none() | objects,
        "error": st.none() | repeated(pieces, 100_000),
        "progress": st.fixed_dictionaries(
            {"percentage": st.integers(0, 100), "message": repeated(pieces, 5000)}
        ),
    }
)


@settings(suppress_health_check=list(HealthCheck))
@given(tasks)
def test_never_too_long_and_never_without_its_short_fields(fields):
    made, data = of(**fields)
    assert len(made) <= MAX_BYTES
    assert set(data) - {"truncated"} == set(TASK)
    assert {name: data[name] for name in TASK if name not in FREE} == {
        name: TASK[name] for name in TASK if name not in FREE
    }
    assert data["title"] == fields["title"]
    assert data["progress"]["percentage"] == fields["progress"]["percentage"]
    if "truncated" in data:
        assert data["truncated"] is True
    else:
        assert data["description"] == fields["description"]
        assert data["files_to_modify"] == fields["files_to_modify"]


def test_order_and_bytes():
    made = body("evt_1", "system.alert", AT, {"b": 1.0, "1": "é"})
    assert made == (
        b'{"id":"evt_1","type":"system.alert","created_at":"2026-01-31T09:30:00.000Z",'
        b'"data":{"1":"\xc3\xa9","b":1}}'
    )


def test_what_fits_is_whole():
    room = MAX_BYTES - len(of()[0])
    made, data = of(description="d" * room)
    assert len(made) == MAX_BYTES
    assert "truncated" not in data
    made, data = of(description="d" * (room + 1))
    assert len(made) <= MAX_BYTES
    assert data["description"] == "d" * 79_999 + "…"
    assert data["truncated"] is True


def test_texts_are_cut_before_lists():
    criteria = ["c" * 4000] * 50
    _, data = of(description="d" * 200_000, acceptance_criteria=criteria)
    assert len(data["acceptance_criteria"]) == 50
    assert {text[-1] for text in data["acceptance_criteria"]} == {"…"}
    assert data["description"][-1] == "…"


def test_lists_are_shortened_before_fields_are_emptied():
    _, data = of(files_to_modify=["f" * 300] * 1000, metadata={"ticket": "K-1"}, result={"a": 1})
    assert 0 < len(data["files_to_modify"]) < 1000
    assert data["metadata"] == {"ticket": "K-1"}
    assert data["result"] == {"a": 1}


def test_fields_are_emptied_at_the_very_last():
    many = {f"key {number}": "v" * 20 for number in range(1500)}
    _, data = of(result={**many, "more": many, "and more": many}, metadata=many)
    assert data["result"] is None
    assert data["metadata"] == many
    _, data = of(metadata={"k" * 200_000: 1})
    assert data["metadata"] == {}


def test_leaves_the_data_as_it_was():
    data = {**TASK, "description": "d" * 200_000, "metadata": {"a": ["b" * 200_000]}}
    before = copy.deepcopy(data)
    body("evt_1", "task.completed", AT, data)
    assert data == before


def test_what_can_not_be_cut_enough_is_refused():
    with pytest.raises(ValueError, match="evt_1 is too large"):
        of(url="u" * MAX_BYTES)


@pytest.mark.parametrize(
    "made", [TEST_BODY, of()[0], of(description='"é😀\u2028\\' * 50_000, metadata={"1": 1e-7})[0]]
)
def test_are_what_node_would_write(made):
    script = "process.stdout.write(JSON.stringify(JSON.parse(require('fs').readFileSync(0))))"
    assert subprocess.run(["node", "-e", script], input=made, stdout=-1, check=True).stdout == made
