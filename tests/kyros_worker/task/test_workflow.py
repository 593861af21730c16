"""What happens next to a task: tables, and properties over every answer that a role may give."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.agent.answers import ANSWERS
from kyros_worker.model.failure import Failure
from kyros_worker.settings import ROLES, Configuration
from kyros_worker.task.workflow import (
    MAX_RETRIES,
    MAX_REVISIONS,
    Complete,
    Fail,
    Next,
    Step,
    TryAgain,
    after_answer,
    after_failure,
    first_role,
    percentage,
    result_of,
    roles_for,
)

WORKFLOWS = Configuration().workflows
FULL = WORKFLOWS["implementation"]
RESULT_KEYS = {
    "role", "summary", "decision", "confidence", "score", "revisions", "changes", "criteria",
    "findings", "risks", "needs",
}  # fmt: skip

DRAFT = {
    "summary": "A draft.",
    "changes": [{"path": "a.py", "action": "delete"}],
    "criteria": [{"criterion": "works", "met": True, "evidence": "line 1"}],
    "risks": ["none"],
    "needs": ["b.py"],
    "confidence": 0.7,
}
FINDINGS = [
    {"severity": "high", "where": "a.py", "what": "No test."},
    {"severity": "low", "where": "a.py", "what": "a typo"},
]
VERDICT = {
    "decision": "approve", "score": 0.8, "summary": "Well made.", "criteria": [], "findings": [],
    "confidence": 0.9,
}  # fmt: skip
INTEGRATION = {
    "decision": "go", "summary": "It fits.", "changes": [], "criteria": [], "risks": [],
    "findings": [], "needs": [], "confidence": 0.6,
}  # fmt: skip
GOOD = {"implementer": DRAFT, "critic": VERDICT, "integrator": INTEGRATION}
BAD = {
    "critic": {**VERDICT, "decision": "refuse", "findings": FINDINGS},
    "integrator": {**INTEGRATION, "decision": "no_go", "findings": FINDINGS},
}
REASONS = "No test; a typo."


def step(role, revision=0, roles=FULL, task_type="implementation"):
    return Step(task_type, roles, role, revision, draft=DRAFT, verdict=VERDICT)


@pytest.mark.parametrize("revision", range(MAX_REVISIONS + 1))
def test_in_the_workflow(revision):
    assert after_answer(step("implementer", revision), DRAFT) == Next("critic", revision)
    assert after_answer(step("critic", revision), VERDICT) == Next("integrator", revision)
    ended = after_answer(step("integrator", revision), INTEGRATION)
    assert ended == Complete(result_of(step("integrator", revision), INTEGRATION))


@pytest.mark.parametrize("role", ["critic", "integrator"])
def test_a_refused_draft_is_revised_twice_and_then_the_task_fails(role):
    assert after_answer(step(role, 0), BAD[role]) == Next("implementer", 1)
    assert after_answer(step(role, 1), BAD[role]) == Next("implementer", 2)
    refused = f"The {role} refused the draft after 2 revisions: {REASONS}"
    needing = f"{refused} The implementer needs to see: b.py."
    assert after_answer(step(role, 2), BAD[role]) == Fail(needing)
    needless = replace(step(role, 2), draft={**DRAFT, "needs": []})
    assert after_answer(needless, BAD[role]) == Fail(refused)


@pytest.mark.parametrize("task_type", ["implementation", "review", "deployment", "audit"])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("good", [True, False])
def test_alone(role, task_type, good):
    answer = GOOD[role] if good else BAD.get(role, DRAFT)
    alone = step(role, roles=(role,), task_type=task_type)
    found = after_answer(alone, answer)
    if task_type == "deployment" and role == "integrator" and not good:
        assert found == Fail(f"The integrator decided against the deployment: {REASONS}")
    else:
        assert found == Complete(result_of(alone, answer))
        assert found.result["decision"] == answer.get("decision")


def test_a_refusal_before_any_draft_fails():
    roles = ("critic", "implementer")
    assert after_answer(step("critic", roles=roles), BAD["critic"]) == Fail(
        f"The critic refused the draft: {REASONS}"
    )
    assert after_answer(step("critic", roles=roles), VERDICT) == Next("implementer", 0)
    assert isinstance(after_answer(step("implementer", roles=roles), DRAFT), Complete)


def test_without_a_finding_the_summary_says_why():
    refusal = {**VERDICT, "decision": "refuse", "summary": "Not at all!", "findings": []}
    assert ": Not at all!" in after_answer(step("critic", 2), refusal).error


def test_reasons_are_cut():
    refusal = {**BAD["critic"], "findings": [{"what": "x" * 4000} for _ in range(200)]}
    needing = replace(step("critic", 2), draft={**DRAFT, "needs": ["y" * 1000] * 200})
    assert len(after_answer(needing, refusal).error) < 3200


@pytest.mark.parametrize(
    ("task_type", "assignee", "role", "roles"),
    [
        ("implementation", "implementer", "implementer", FULL),
        ("implementation", "implementer", "critic", FULL),
        ("implementation", "critic", "critic", ("critic",)),
        ("implementation", "integrator", "integrator", ("integrator",)),
        ("implementation", "critic", "implementer", ("implementer",)),
        ("review", "critic", "critic", ("critic",)),
        ("review", "critic", "integrator", ("integrator",)),
        ("deployment", "integrator", "integrator", ("integrator",)),
        ("deployment", "implementer", "implementer", ("implementer",)),
        ("security_review", "implementer", "implementer", ("implementer",)),
        ("security_review", "implementer", "critic", ("critic",)),
    ],
)
def test_roles_for(task_type, assignee, role, roles):
    assert roles_for(WORKFLOWS, task_type, assignee, role) == roles


def test_first_role():
    assert [first_role(WORKFLOWS, one) for one in ("implementation", "review", "deployment")] == [
        "implementer", "critic", "integrator",
    ]  # fmt: skip
    assert first_role(WORKFLOWS, "anything_else") == "implementer"


@pytest.mark.parametrize(
    ("retryable", "retries", "retry_after", "expected"),
    [
        (False, 0, None, Fail("It broke.")),
        (False, 0, 5, Fail("It broke.")),
        (True, 0, None, TryAgain(2)),
        (True, 1, None, TryAgain(4)),
        (True, 0, 1.5, TryAgain(2)),
        (True, 0, 30, TryAgain(30)),
        (True, 1, 86_400, TryAgain(3600)),
        (True, 2, None, Fail("The model call failed 3 times; the last time: It broke")),
        (True, 9, 30, Fail("The model call failed 10 times; the last time: It broke")),
    ],
)
def test_after_failure(retryable, retries, retry_after, expected):
    failure = Failure("server_error", "It broke", retryable, retry_after)
    assert after_failure(failure, retries, first_pause=2) == expected


@pytest.mark.parametrize(("text", "sentence"), [("It broke", "It broke."), ("Why?", "Why?")])
def test_an_error_is_a_sentence(text, sentence):
    assert after_failure(Failure("rejected", text, retryable=False), 0, 2) == Fail(sentence)


@given(
    retryable=st.booleans(),
    retries=st.integers(0, 50),
    retry_after=st.none() | st.floats(0, 1e9),
    first_pause=st.floats(0, 3600),
)
def test_retries_are_bounded(retryable, retries, retry_after, first_pause):
    failure = Failure("timeout", "Too slow.", retryable, retry_after)
    decision = after_failure(failure, retries, first_pause)
    if isinstance(decision, TryAgain):
        assert retryable
        assert retries < MAX_RETRIES
        assert decision.pause >= first_pause
        assert decision.pause <= max(3600, first_pause * 2**MAX_RETRIES)


def test_percentage():
    assert [percentage(FULL, role, 0) for role in FULL] == [0, 33, 66]
    assert percentage(FULL, "implementer", 66) == 66
    assert percentage(("critic",), "critic", 0) == 0


#: Any order of any of the roles, as a configuration may name them.
ORDERS = st.permutations(ROLES).flatmap(
    lambda roles: st.integers(1, 3).map(lambda count: tuple(roles[:count]))
)
TYPES = st.sampled_from(["implementation", "review", "deployment", "audit"])


@st.composite
def answers(draw, role):
    """A valid answer of a role, its decision left to chance."""
    answer = draw(st.sampled_from([GOOD[role], BAD.get(role, DRAFT)]))
    answer = {**answer, "confidence": draw(st.floats(0, 1))}
    assert ANSWERS[role].model_validate(answer)
    return answer


@given(data=st.data(), roles=ORDERS, task_type=TYPES)
def test_every_run_ends(data, roles, task_type):
    """From any role, with any answers: a bounded number of passes, and progress that never falls.

    Each of them is what the record does with its decision.
    """
    role = data.draw(st.sampled_from(roles), "first")
    revision, done, passes, drafts = 0, 0, 0, 0
    draft = verdict = None
    while True:
        before, done = done, percentage(roles, role, done)
        assert before <= done <= 99
        answer = data.draw(answers(role), role)
        passes += 1
        drafts += role == "implementer"
        decision = after_answer(Step(task_type, roles, role, revision, draft, verdict), answer)
        draft, verdict = (answer, None) if role == "implementer" else (draft, answer)
        if not isinstance(decision, Next):
            break
        assert decision.role in roles
        assert decision.revision in (revision, revision + 1)
        role, revision = decision.role, decision.revision
    # A run that began behind the implementer may come back to it for each revision.
    assert drafts <= 1 + MAX_REVISIONS
    assert passes <= (1 + MAX_REVISIONS) * len(roles)
    assert revision <= MAX_REVISIONS
    if isinstance(decision, Complete):
        assert decision.result.keys() == RESULT_KEYS
        assert decision.result["revisions"] == revision
        assert isinstance(decision.result["changes"], list)
    else:
        assert decision.error.endswith((".", "!", "?"))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("draft", [None, DRAFT])
@pytest.mark.parametrize("verdict", [None, VERDICT, INTEGRATION])
def test_a_result_has_the_same_keys_always(role, draft, verdict):
    found = result_of(Step("audit", (role,), role, 1, draft, verdict), GOOD[role])
    assert found.keys() == RESULT_KEYS
    assert all(isinstance(found[key], list) for key in ("changes", "criteria", "findings", "needs"))


def test_a_result_takes_from_the_draft_what_the_last_answer_has_not():
    found = result_of(step("integrator"), INTEGRATION)
    assert (found["changes"], found["needs"]) == (DRAFT["changes"], ["b.py"])
    more = {**INTEGRATION, "needs": ["c.py", "b.py"], "risks": ["a late one"]}
    found = result_of(step("integrator"), more)
    assert (found["needs"], found["risks"]) == (["b.py", "c.py"], ["none", "a late one"])
    assert found["score"] == VERDICT["score"]
    found = result_of(step("critic"), VERDICT)
    assert (found["changes"], found["needs"]) == (DRAFT["changes"], ["b.py"])
    assert found["risks"] == DRAFT["risks"]
