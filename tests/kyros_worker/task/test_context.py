"""What the models are shown: its limits, and how two contexts become one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.task.context import checked, joined

MIB = 1024 * 1024

TEXTS = st.text(max_size=5)
NAMES = TEXTS.map("free {}".format)
FREE = st.dictionaries(NAMES, st.integers() | TEXTS | st.lists(st.integers()), max_size=3)
CONTEXTS = st.builds(
    lambda free, known: {**free, **known},
    FREE,
    st.fixed_dictionaries(
        {},
        optional={
            "files": st.dictionaries(TEXTS, TEXTS, max_size=3),
            "recent_changes": st.lists(TEXTS, max_size=3),
            "repository_state": TEXTS,
        },
    ),
)


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"files": None},
        {"files": {}},
        {"files": {"a.py": ""}},
        {"recent_changes": "free text", "repository_state": {"branch": "main"}, "free": None},
        {"files": {"a": "é" * (MIB // 2 - 1)}},
        {"free": "x" * (1536 * 1024 - 11)},
    ],
)
def test_accepted(context):
    assert checked(context) is context


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ({"files": []}, "from path to text"),
        ({"files": "a.py"}, "from path to text"),
        ({"files": {"a.py": None}}, "from path to text"),
        ({"files": {"a.py": {"text": ""}}}, "from path to text"),
        ({"files": {"a": "é" * (MIB // 2)}}, f"files are {MIB + 1} bytes"),
        ({"files": {"é" * 8: "x" * (MIB - 15)}}, f"files are {MIB + 1} bytes"),
        ({"free": "x" * (1536 * 1024 - 10)}, "1572865 bytes as JSON"),
        ({"free": "é" * (768 * 1024)}, "bytes as JSON"),
    ],
)
def test_refused(context, words):
    with pytest.raises(ValueError, match=words):
        checked(context)


@pytest.mark.parametrize(
    ("before", "added", "together"),
    [
        ({}, {}, {}),
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {"a": None}, {"a": None}),
        (
            {"files": {"a": "1", "b": "1"}},
            {"files": {"b": "2", "c": "2"}},
            {"files": {"a": "1", "b": "2", "c": "2"}},
        ),
        ({"recent_changes": [1, 2]}, {"recent_changes": [2, 3]}, {"recent_changes": [1, 2, 3]}),
        (
            {"recent_changes": {"a": 1}},
            {"recent_changes": {"b": 2}},
            {"recent_changes": {"a": 1, "b": 2}},
        ),
        ({"recent_changes": "one"}, {"recent_changes": ["two"]}, {"recent_changes": ["two"]}),
        ({"recent_changes": ["one"]}, {"recent_changes": "two"}, {"recent_changes": "two"}),
        ({"files": {"a": "1"}}, {"free": []}, {"files": {"a": "1"}, "free": []}),
        ({"files": {"a": "1"}}, {"files": None}, {"files": {"a": "1"}}),
        ({"files": None}, {"files": {"a": "1"}}, {"files": {"a": "1"}}),
        ({}, {"recent_changes": None}, {"recent_changes": None}),
    ],
)
def test_joined(before, added, together):
    assert joined(before, added) == together


def test_too_large_together():
    half = "x" * (700 * 1024)
    with pytest.raises(ValueError, match="files are"):
        joined({"files": {"a": half}}, {"files": {"b": half}})
    assert joined({"files": {"a": half}}, {"files": {"a": half}})
    with pytest.raises(ValueError, match="as JSON"):
        joined({"a": half * 2}, {"b": half})


@given(CONTEXTS, CONTEXTS)
def test_joining_loses_nothing(before, added):
    first, second = repr(before), repr(added)
    together = joined(before, added)
    assert (repr(before), repr(added)) == (first, second), "neither is changed"
    assert together.keys() == before.keys() | added.keys()
    for name in together:
        if name == "files":
            assert together[name] == {**before.get(name, {}), **added.get(name, {})}
        elif name == "recent_changes":
            assert set(together[name]) == {*before.get(name, []), *added.get(name, [])}
        else:
            assert together[name] == added.get(name, before.get(name))


@given(CONTEXTS, CONTEXTS)
def test_joining_twice_is_joining_once(before, added):
    """An SDK that sends its submission again changes nothing."""
    once = joined(before, added)
    assert joined(once, added) == once
