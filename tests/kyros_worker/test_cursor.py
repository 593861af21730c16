import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker import cursor
from kyros_worker.errors import InvalidError

ID = "task_17953895630306604808820"


def test_comes_back_in_its_own_scope_only():
    made = cursor.encode(ID, "tasks live status=failed")
    assert cursor.decode(made, "tasks live status=failed") == ID
    with pytest.raises(InvalidError) as caught:
        cursor.decode(made, "tasks test status=failed")
    assert [detail.field for detail in caught.value.details] == ["cursor"]


@given(st.text(max_size=80) | st.from_regex(r"\A[A-Za-z0-9_-]{0,80}\Z"))
def test_made_up_ones_are_refused(text):
    with pytest.raises(InvalidError):
        cursor.decode(text, "tasks")


@given(st.integers(0, 47), st.sampled_from("AZaz09-_=!é\0"))
def test_tampered_ones_give_an_id_or_are_refused(at, character):
    made = cursor.encode(ID, "tasks")
    try:
        found = cursor.decode(made[:at] + character + made[at + 1 :], "tasks")
    except InvalidError:
        return
    assert found.isprintable()


def test_page():
    rows = [{"id": f"task_{number}"} for number in (3, 2, 1)]
    first = cursor.page("tasks", rows, 2, "s")
    assert first["tasks"] == rows[:2]
    assert first["has_more"]
    assert cursor.decode(first["next_cursor"], "s") == "task_2"
    assert cursor.page("tasks", rows, 3, "s") == {
        "tasks": rows,
        "next_cursor": None,
        "has_more": False,
    }
    assert not cursor.page("tasks", [], 3, "s")["has_more"]
