import pytest
from pydantic import ValidationError

from kyros_worker.agent.answers import Change, Draft, Integration, Verdict

FINDING = {"severity": "high", "where": "a.py", "what": "is wrong"}
MET = {"criterion": "works", "met": True, "evidence": "a.py"}
DRAFT = {
    "summary": "s", "changes": [], "criteria": [MET], "risks": [], "needs": [], "confidence": 0.5,
}  # fmt: skip
VERDICT = {
    "decision": "approve", "score": 1, "summary": "s", "criteria": [MET], "findings": [],
    "confidence": 0,
}  # fmt: skip
INTEGRATION = {**DRAFT, "decision": "go", "findings": []}


@pytest.mark.parametrize(
    ("form", "value"), [(Draft, DRAFT), (Verdict, VERDICT), (Integration, INTEGRATION)]
)
def test_a_form_takes_its_fields_and_no_other(form, value):
    form.model_validate(value)
    for field in value:
        with pytest.raises(ValidationError, match=field):
            form.model_validate({key: item for key, item in value.items() if key != field})
    for wrong in ({"extra": 1}, {"confidence": 1.1}, {"confidence": float("nan")}, {"summary": ""}):
        with pytest.raises(ValidationError):
            form.model_validate(value | wrong)


@pytest.mark.parametrize(
    ("action", "parts", "valid"),
    [
        ("create", {"content": ""}, True),
        ("modify", {"content": "x"}, True),
        ("modify", {"diff": "x"}, True),
        ("delete", {}, True),
        ("delete", {"content": None, "diff": None}, True),
        ("modify", {"content": "x", "diff": "x"}, False),
        ("modify", {}, False),
        ("create", {"content": None}, False),
        ("delete", {"content": ""}, False),
        ("delete", {"diff": "x"}, False),
        ("move", {"content": "x"}, False),
    ],
)
def test_a_change_has_content_or_a_diff_and_a_deletion_neither(action, parts, valid):
    value = {"path": "a.py", "action": action, **parts}
    if valid:
        Change.model_validate(value)
    else:
        with pytest.raises(ValidationError):
            Change.model_validate(value)


def test_a_verdict_agrees_with_itself():
    with pytest.raises(ValidationError, match="at least one finding"):
        Verdict.model_validate(VERDICT | {"decision": "refuse"})
    with pytest.raises(ValidationError, match="every criterion met"):
        Verdict.model_validate(VERDICT | {"criteria": [MET | {"met": False}]})
    Verdict.model_validate(VERDICT | {"decision": "refuse", "findings": [FINDING]})
    Verdict.model_validate(VERDICT | {"findings": [FINDING]})


def test_an_integration_says_why_not():
    with pytest.raises(ValidationError, match="at least one finding"):
        Integration.model_validate(INTEGRATION | {"decision": "no_go"})
    Integration.model_validate(INTEGRATION | {"decision": "no_go", "findings": [FINDING]})
