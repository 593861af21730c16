"""What the sandbox says is an answer of its role, labelled, whatever the task says."""

import json

import pytest
from hypothesis import given, settings

from kyros_worker.agent import rehearsal
from kyros_worker.agent.reading import read
from kyros_worker.model.steering import steering
from kyros_worker.settings import ROLES
from tests.kyros_worker.agent.briefs import BRIEF, hostile_briefs, steered


def answered(brief):
    text = rehearsal.answer(brief, steering(brief.metadata, brief.role, brief.tier))
    return json.loads(text), read(text, brief)


@settings(max_examples=150)
@given(hostile_briefs(role="implementer"), hostile_briefs(role="critic"))
def test_a_whole_workflow_is_valid_whatever_the_texts(brief, other):
    _, draft = answered(brief)
    drafted = draft.model_dump(mode="json")
    _, verdict = answered(steered(brief, role="critic", draft=drafted))
    judged = verdict.model_dump(mode="json")
    work = {"draft": drafted, "verdict": judged, "revision": 1}
    answered(steered(brief, role="implementer", **work))
    answered(steered(brief, role="integrator", **work))
    answered(other)


@pytest.mark.parametrize("role", ROLES)
def test_it_is_deterministic_and_labelled(role):
    brief = steered(role=role)
    value, _ = answered(brief)
    assert value == answered(brief)[0]
    assert value["summary"].startswith("Sandbox model: ")
    assert "Add a login" in value["summary"]
    assert all("Sandbox model" in item["evidence"] for item in value["criteria"])
    assert [item["criterion"] for item in value["criteria"]] == list(BRIEF.acceptance_criteria)


def test_a_draft_changes_what_it_may_and_names_what_it_needs():
    _, draft = answered(BRIEF)
    shown, new = draft.changes
    assert (shown.path, shown.action) == ("app/login.py", "modify")
    assert shown.diff.endswith("+# Sandbox model: Add a login\n")
    assert (new.path, new.action, new.diff) == ("app/new.py", "create", None)
    assert draft.needs == ["app/data.json"]


def test_without_files_to_modify_it_changes_those_shown():
    _, draft = answered(steered(files_to_modify=()))
    assert [change.path for change in draft.changes] == ["app/login.py"]
    _, empty = answered(steered(files_to_modify=(), context={}))
    assert empty.changes == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.py", "# Sandbox model: Add a login"),
        ("Makefile", "# Sandbox model: Add a login"),
        ("b/C.java", "// Sandbox model: Add a login"),
        ("q.sql", "-- Sandbox model: Add a login"),
        ("s.css", "/* Sandbox model: Add a login */"),
        ("R.MD", "<!-- Sandbox model: Add a login -->"),
        ("package.json", None),
        ("logo.png", None),
    ],
)
def test_a_comment_suits_its_file(path, line):
    unseen = steered(files_to_modify=(path,))
    seen = steered(unseen, context={"files": {path: "text\n"}})
    if line is None:
        assert answered(unseen)[1].needs == [path]
        _, draft = answered(seen)
        assert (draft.changes, draft.needs) == ([], [])
        assert any(path in risk for risk in draft.risks)
    else:
        assert answered(unseen)[1].changes[0].content == f"{line}\n"
        assert f"\n+{line}\n" in answered(seen)[1].changes[0].diff


def test_a_title_cannot_leave_its_comment():
    _, draft = answered(steered(title="x */ evil() -->\nevil()", files_to_modify=("a.css", "b.md")))
    assert [change.content for change in draft.changes] == [
        "/* Sandbox model: x evil evil */\n",
        "<!-- Sandbox model: x evil evil -->\n",
    ]


def test_a_long_task_is_answered_in_bounds():
    many = tuple(f"src/m{number}.py" for number in range(1_000))
    brief = steered(
        title="t" * 300,
        description="d" * 500_000,
        acceptance_criteria=tuple(f"{number} " + "c" * 4_000 for number in range(100)),
        files_to_modify=many,
        context={"files": dict.fromkeys(many, "x = 1\n" * 170)},
    )
    value, draft = answered(brief)
    assert len(draft.criteria) == 100
    assert len(json.dumps(value)) < 100_000
    one_line = steered(files_to_modify=("a.js",), context={"files": {"a.js": "x" * 1_000_000}})
    assert answered(one_line)[1].changes == []


def test_the_critic_refuses_so_many_drafts_and_then_approves():
    decisions = []
    for refusals in range(4):
        brief = steered(role="critic", refusals=refusals, sandbox={"refusals": 2, "score": 0.4})
        _, verdict = answered(brief)
        decisions.append(verdict.decision)
        assert verdict.score == 0.4
        assert bool(verdict.findings) == (verdict.decision == "refuse")
    assert decisions == ["refuse", "refuse", "approve", "approve"]


def test_without_criteria_the_critic_judges_title_and_description():
    _, verdict = answered(steered(role="critic", acceptance_criteria=()))
    assert [item.criterion for item in verdict.criteria] == [
        "The title: Add a login",
        "The description: People sign in with a password.",
    ]


def test_a_revision_says_so_and_differs():
    findings = [{"severity": "low", "where": "a", "what": "b"}]
    first, _ = answered(BRIEF)
    second, _ = answered(steered(revision=1, verdict={"findings": findings}))
    assert "Revision 1, after 1 findings" in second["summary"]
    assert first["changes"] != second["changes"]


def test_the_integrator_merges_the_draft_or_stops_it():
    draft, _ = answered(BRIEF)
    _, merged = answered(steered(role="integrator", draft=draft))
    assert (merged.decision, merged.findings) == ("go", [])
    assert [change.path for change in merged.changes] == ["app/login.py", "app/new.py"]
    assert merged.needs == ["app/data.json"]
    _, stopped = answered(steered(role="integrator", sandbox={"decision": "no_go"}))
    assert stopped.decision == "no_go"
    assert stopped.findings
    assert not any(item.met for item in stopped.criteria)
