import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.agent.reading import InvalidAnswerError, faults, read
from kyros_worker.strict_json import text_fault
from tests.kyros_worker.agent.briefs import BRIEF, steered

DIFF = "@@ -2,1 +2,1 @@\n-    pass\n+    return 1\n"
CRITERIA = [
    {"criterion": text, "met": True, "evidence": "app/login.py"}
    for text in BRIEF.acceptance_criteria
]
DRAFT = {
    "summary": "Signs in.",
    "changes": [{"path": "app/login.py", "action": "modify", "diff": DIFF}],
    "criteria": CRITERIA,
    "risks": [],
    "needs": ["app/data.json"],
    "confidence": 0.8,
}


def refused(value, brief=BRIEF):
    text = value if isinstance(value, str) else json.dumps(value)
    with pytest.raises(InvalidAnswerError) as caught:
        read(text, brief)
    assert len(str(caught.value)) <= 2_000
    return str(caught.value)


@pytest.mark.parametrize(
    "form", ["{}", "```json\n{}\n```", "```\n{}\n```", "Here:\n{}\nDone.", " {}"]
)
def test_a_json_object_is_found_in_its_fence(form):
    answer = read(form.replace("{}", json.dumps(DRAFT, indent=2)), BRIEF)
    assert answer.changes[0].diff == DIFF


def test_a_fence_inside_a_text_does_no_harm():
    value = DRAFT | {"summary": "```json\n{}\n```"}
    assert read(f"```json\n{json.dumps(value)}\n```", BRIEF).summary == value["summary"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON object"),
        ("I would rather not.", "no JSON object"),
        ("[1, 2]", "no JSON object"),
        ('{"summary": ', "not valid JSON"),
        ("{'summary': 1}", "not valid JSON"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("{}", "summary: Field required"),
        (DRAFT | {"mood": "fine"}, "mood: Extra inputs are not permitted"),
        (DRAFT | {"confidence": 7}, "confidence: "),
        (json.dumps(DRAFT).replace("0.8", "9" * 100_000), "confidence: "),
        (json.dumps(DRAFT).replace("0.8", "NaN"), "confidence: "),
        (DRAFT | {"changes": [{"path": "x", "action": "modify"}]}, "changes.0: a change of action"),
        (DRAFT | {str(key): 1 for key in range(500)}, "more"),
    ],
)
def test_what_is_wrong_is_said(text, words):
    assert words in refused(text)


def test_a_diff_of_a_file_that_was_not_shown():
    message = refused(DRAFT | {"changes": [{"path": "b.py", "action": "modify", "diff": DIFF}]})
    assert "changes.0.diff: the text of b.py was not shown" in message
    assert "needs" in message


def test_a_diff_that_does_not_fit_the_text_shown():
    change = {"path": "app/login.py", "action": "modify", "diff": "@@ -1,1 +1,1 @@\n-x\n+y\n"}
    assert "old lines of hunk 1" in refused(DRAFT | {"changes": [change]})


def test_a_file_is_changed_once():
    change = {"path": "a.py", "action": "create", "content": ""}
    assert "a.py is changed 2 times" in refused(DRAFT | {"changes": [change, change]})


def test_a_criterion_left_out_is_named():
    assert "criterion 2 is not answered" in refused(DRAFT | {"criteria": CRITERIA[:1]})


@pytest.mark.parametrize(
    "criteria",
    [
        CRITERIA[::-1],
        [item | {"criterion": f"{number}."} for number, item in enumerate(CRITERIA)],
        [*CRITERIA, CRITERIA[0] | {"criterion": "one more"}],
    ],
)
def test_criteria_count_by_their_order_or_their_text(criteria):
    read(json.dumps(DRAFT | {"criteria": criteria}), BRIEF)


def test_a_criterion_given_twice_may_be_answered_once():
    twice = steered(acceptance_criteria=("Is  fast", "is fast"))
    criteria = [CRITERIA[0] | {"criterion": "IS FAST"}]
    assert faults(read(json.dumps(DRAFT | {"criteria": criteria}), twice), twice) == []


def test_texts_are_made_storable():
    value = DRAFT | {"summary": "a\x00b\ud800c", "risks": ["\udfff\x00!"]}
    answer = read(json.dumps(value), BRIEF)
    assert (answer.summary, answer.risks) == ("abc", ["!"])


@given(st.text() | st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from([*DRAFT]), inner),
).map(json.dumps))  # fmt: skip
def test_any_text_is_read_or_refused(text):
    try:
        read(text, BRIEF)
    except InvalidAnswerError as error:
        message = str(error)
    else:
        message = ""
    assert text_fault(message) is None
