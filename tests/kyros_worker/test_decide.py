"""Escalation rules at work: a table of situations, and properties over any rules and situation."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from kyros_worker.decide import Approval, Budget, Scope, Situation, Spending, decide
from kyros_worker.rules import DEFAULT_RULES, Moment, OnTimeout, Outcome, Rule, When
from kyros_worker.words import PRIORITIES, ROLES, Complexity, ErrorKind

ANY_COST = Budget(estimated_cost_usd=None)
TASK = {"priority": "medium", "type": "implementation", "complexity": None}


def situation(moment="answer", role="implementer", **figures):
    return Situation(**{**TASK, "moment": moment, "role": role, **figures})


def rule(then="escalate", name="it", *, when, **options):
    return Rule(name=name, when=When(**when), then=then, **options)


def name_of(verdict):
    return verdict and verdict.rule


# What the default rules say: a moment, its figures, and the rule that decides.
DEFAULTS = [
    # Where work begins, on economy but for what is both critical and complex.
    ("start", {}, None),
    ("start", {"priority": "critical"}, None),
    ("start", {"complexity": "high"}, None),
    ("start", {"priority": "high", "complexity": "high"}, None),
    ("start", {"priority": "critical", "complexity": "medium"}, None),
    ("start", {"priority": "critical", "complexity": "high"}, "critical-and-complex"),
    ("start", {"priority": "critical", "complexity": "high", "role": "critic"},
     "critical-and-complex"),
    ("start", {"priority": "critical", "complexity": "high", "type": "audit"},
     "critical-and-complex"),
    # It was asked before the first answer, and is not asked again.
    ("answer", {"priority": "critical", "complexity": "high", "confidence": 0.9}, None),
    # A draft's own confidence.
    ("answer", {"confidence": 0.9}, None),
    ("answer", {"confidence": 0.5}, None),
    ("answer", {"confidence": 0.4999}, "low-confidence"),
    ("answer", {"confidence": 0.0}, "low-confidence"),
    ("answer", {"confidence": None}, None),
    ("answer", {"confidence": 0.1, "revisions": 2}, "low-confidence"),
    ("answer", {"confidence": 0.1, "role": "critic", "score": 0.9}, None),
    ("answer", {"confidence": 0.1, "role": "integrator"}, None),
    # The critic's score, once a revision did not help.
    ("answer", {"role": "critic", "score": 0.9, "refused": False, "revisions": 0}, None),
    ("answer", {"role": "critic", "score": 0.1, "refused": True, "revisions": 0}, None),
    ("answer", {"role": "critic", "score": 0.1, "refused": True, "revisions": 1}, "low-score"),
    ("answer", {"role": "critic", "score": 0.4, "refused": True, "revisions": 1}, None),
    ("answer", {"role": "critic", "score": 0.39, "refused": True, "revisions": 2}, "low-score"),
    ("answer", {"role": "critic", "score": 0.1, "revisions": None}, None),
    # A draft that is refused again, which without a rule fails the task.
    ("answer", {"role": "critic", "score": 0.9, "refused": True, "revisions": 0}, None),
    ("answer", {"role": "critic", "score": 0.9, "refused": True, "revisions": 1}, None),
    ("answer", {"role": "critic", "score": 0.9, "refused": True, "revisions": 2}, "refused-again"),
    ("answer", {"role": "critic", "score": 0.9, "refused": False, "revisions": 2}, None),
    ("answer", {"role": "integrator", "refused": True, "revisions": 2}, "refused-again"),
    ("answer", {"role": "integrator", "refused": False, "revisions": 2}, None),
    ("answer", {"role": "implementer", "confidence": 0.9, "revisions": 2}, None),
    # Failed tries: two are tried again on economy.
    ("failure", {"failed_tries": 1, "error_kind": "server_error"}, None),
    ("failure", {"failed_tries": 2, "error_kind": "rate_limited"}, None),
    ("failure", {"failed_tries": 3, "error_kind": "rate_limited"}, "tries-exhausted"),
    ("failure", {"failed_tries": 3, "error_kind": "server_error"}, "tries-exhausted"),
    ("failure", {"failed_tries": 3, "error_kind": "timeout"}, "tries-exhausted"),
    ("failure", {"failed_tries": 3, "error_kind": "connection"}, "tries-exhausted"),
    ("failure", {"failed_tries": 2, "error_kind": "invalid_output"}, None),
    ("failure", {"failed_tries": 3, "error_kind": "invalid_output"}, "tries-exhausted"),
    ("failure", {"failed_tries": 9, "error_kind": "invalid_output"}, "tries-exhausted"),
    # A wrong key or request would be as wrong on premium.
    ("failure", {"failed_tries": 1, "error_kind": "rejected"}, None),
    ("failure", {"failed_tries": 3, "error_kind": "rejected"}, None),
    ("failure", {"failed_tries": 3, "error_kind": None}, None),
    ("failure", {"failed_tries": None, "error_kind": "timeout"}, None),
    # What one model refuses another may answer: a person knows whether it should.
    ("failure", {"failed_tries": 1, "error_kind": "content_refused"}, "content-refused"),
    ("failure", {"failed_tries": 3, "error_kind": "content_refused"}, "content-refused"),
    # What is known of an answer says nothing of a failed try.
    ("failure", {"failed_tries": 1, "error_kind": "timeout", "confidence": 0.1}, None),
]  # fmt: skip


@pytest.mark.parametrize(("moment", "figures", "expected"), DEFAULTS, ids=str)
def test_the_default_rules(moment, figures, expected):
    found = decide(DEFAULT_RULES, situation(moment, **figures), ANY_COST)
    assert name_of(found) == expected


def test_the_table_is_whole():
    assert len(DEFAULTS) >= 40
    assert {expected for *_, expected in DEFAULTS} == {None, *(one.name for one in DEFAULT_RULES)}


# One condition each, what it is compared with, and whether it holds.
CONDITIONS = [
    ({"priority": ["low", "high"]}, "answer", {"priority": "high"}, True),
    ({"priority": ["low", "high"]}, "answer", {"priority": "medium"}, False),
    ({"type": ["security_review"]}, "failure", {"type": "security_review"}, True),
    ({"type": ["security_review"]}, "answer", {"type": "review"}, False),
    ({"complexity": ["low"]}, "answer", {"complexity": "low"}, True),
    ({"complexity": ["low", "medium", "high"]}, "answer", {"complexity": None}, False),
    ({"role": ["critic", "integrator"]}, "answer", {"role": "critic"}, True),
    ({"role": ["critic", "integrator"]}, "answer", {"role": "implementer"}, False),
    ({"confidence_below": 0.6}, "answer", {"confidence": 0.6}, False),
    ({"confidence_below": 0.6}, "answer", {"confidence": 0.59}, True),
    ({"confidence_below": 1}, "answer", {"confidence": 1}, False),
    ({"confidence_below": 0}, "answer", {"confidence": 0}, False),
    ({"confidence_below": 1}, "answer", {"confidence": None}, False),
    ({"score_below": 0.5}, "answer", {"score": 0.25}, True),
    ({"score_below": 0.5}, "answer", {"score": None}, False),
    ({"refused": True}, "answer", {"refused": True}, True),
    ({"refused": True}, "answer", {"refused": False}, False),
    ({"refused": False}, "answer", {"refused": None}, False),
    ({"refused": False}, "answer", {"refused": False}, True),
    ({"revisions": 0}, "answer", {"revisions": 0}, True),
    ({"revisions": 0}, "answer", {"revisions": None}, False),
    ({"revisions": 1}, "failure", {"revisions": 1}, True),
    ({"revisions": 2}, "answer", {"revisions": 1}, False),
    ({"failed_tries": 1}, "failure", {"failed_tries": 1}, True),
    ({"failed_tries": 2}, "failure", {"failed_tries": 1}, False),
    ({"failed_tries": 1}, "answer", {"failed_tries": 1}, False),
    ({"error_kind": ["timeout"]}, "failure", {"error_kind": "timeout"}, True),
    ({"error_kind": ["timeout"]}, "failure", {"error_kind": "connection"}, False),
    ({"error_kind": ["timeout"]}, "answer", {"error_kind": "timeout"}, False),
    ({"confidence_below": 1, "role": ["critic"]}, "answer", {"confidence": 0.2}, False),
]  # fmt: skip


@pytest.mark.parametrize(("when", "moment", "figures", "holds"), CONDITIONS, ids=str)
def test_a_condition(when, moment, figures, holds):
    found = decide([rule(when=when)], situation(moment, **figures), ANY_COST)
    assert (found is not None) is holds


@pytest.mark.parametrize("moment", get_args(Moment))
def test_only_a_rule_for_the_start_is_asked_there(moment):
    asked = {
        then: decide([rule(then, when={"priority": ["medium"]})], situation(moment), ANY_COST)
        for then in get_args(Outcome)
    }
    at_start = moment == "start"
    assert {then for then, found in asked.items() if found is None} == (
        {"escalate", "ask", "fail"} if at_start else {"start_on_premium"}
    )


def test_a_rule_without_conditions_starts_everything_on_premium():
    everything = rule("start_on_premium", when={})
    found = decide([everything], situation("start"), ANY_COST)
    assert (found.outcome, found.reason) == ("start_on_premium", "Every task starts on premium.")
    assert decide([everything], situation("answer"), ANY_COST) is None


def usd(text):
    return None if text is None else Decimal(text)


# An escalation's estimated cost, the rule's own limit, what is spent of a soft and a hard limit,
# and who approves.
APPROVALS = [
    ("escalate", None, None, None, "automatic"),
    ("escalate", "0.50", None, None, "automatic"),
    ("escalate", "0.50", "0.50", None, "automatic"),
    ("escalate", "0.50", "0.499999", None, "person"),
    ("escalate", "0.50", "0", None, "person"),
    ("escalate", "0", "0", None, "automatic"),
    ("escalate", None, "0.50", None, "person"),
    ("escalate", "0.50", None, ("9.50", "10", None), "automatic"),
    ("escalate", "0.50", None, ("9.500001", "10", None), "person"),
    ("escalate", "0.50", None, ("9.60", None, "10"), "person"),
    ("escalate", "0.50", None, ("9.60", "11", "12"), "automatic"),
    ("escalate", None, None, ("0", "10", None), "person"),
    ("escalate", None, None, ("0", None, None), "automatic"),
    ("escalate", "0", None, ("11", "10", None), "automatic"),
    ("start_on_premium", "0.50", "0.10", None, "person"),
    ("start_on_premium", "0.50", None, ("9.60", "10", None), "person"),
    ("start_on_premium", "0.50", "1", ("9", "10", None), "automatic"),
    ("ask", "0", None, None, "person"),
    ("fail", None, None, ("11", "10", "10"), "automatic"),
]  # fmt: skip


@pytest.mark.parametrize(("then", "cost", "most", "spent", "approval"), APPROVALS, ids=str)
@pytest.mark.parametrize("scope", get_args(Scope))
def test_who_approves(then, cost, most, spent, approval, scope):
    spending = (Spending(scope, *map(usd, spent)),) if spent else ()
    options = {"max_cost_usd": most} if most else {}
    moment = "start" if then == "start_on_premium" else "answer"
    asked = rule(then, when={"priority": ["medium"]}, **options)
    found = decide([asked], situation(moment), Budget(usd(cost), spending))
    assert found.approval == approval
    failed = [figure for figure in found.figures if not figure["met"]]
    assert bool(failed) == (approval == "person" and then != "ask")


def test_a_verdict_tells_the_figures_that_were_compared():
    asked = rule(
        when={"score_below": 0.4, "role": ["critic"]}, max_cost_usd="1.00", four_eyes=True,
        timeout_seconds=60, on_timeout="accept_best",
    )  # fmt: skip
    budget = Budget(Decimal("1.20"), (Spending("key_day", Decimal(9), Decimal("9.5")),))
    found = decide([asked], situation(role="critic", score=0.31), budget)
    assert json.loads(json.dumps(found.to_json())) == {
        "rule": "it",
        "outcome": "escalate",
        "approval": "person",
        "reason": "The critic's score 0.31 is below 0.40 and the role is critic; its estimated "
        "cost of 1.20 USD is above the 1.00 USD that the rule allows.",
        "figures": [
            {"figure": "role", "value": "critic", "comparison": "one of", "limit": ["critic"],
             "met": True},
            {"figure": "score", "value": 0.31, "comparison": "below", "limit": 0.4, "met": True},
            {"figure": "estimated_cost_usd", "value": "1.20", "comparison": "at most",
             "limit": "1.00", "met": False},
            {"figure": "budgets.key_day.soft", "value": "10.20", "comparison": "at most",
             "limit": "9.5", "met": False},
        ],
        "four_eyes": True,
        "timeout_seconds": 60,
        "on_timeout": "accept_best",
        "estimated_cost_usd": "1.20",
    }  # fmt: skip


SHARES = st.none() | st.floats(0, 1)
COUNTS = st.none() | st.integers(0, 12)
TYPES = st.sampled_from(["implementation", "review", "audit"])
SITUATIONS = st.builds(
    Situation,
    moment=st.sampled_from(get_args(Moment)),
    priority=st.sampled_from(PRIORITIES),
    type=TYPES,
    complexity=st.none() | st.sampled_from(get_args(Complexity)),
    role=st.sampled_from(ROLES),
    confidence=SHARES | st.floats(),
    score=SHARES | st.floats(),
    refused=st.none() | st.booleans(),
    revisions=COUNTS,
    failed_tries=COUNTS,
    error_kind=st.none() | st.sampled_from(get_args(ErrorKind)),
)
AMOUNTS = st.none() | st.decimals(0, 1_000_000, places=6)
BUDGETS = st.builds(
    Budget,
    estimated_cost_usd=AMOUNTS,
    spending=st.lists(
        st.builds(
            Spending,
            scope=st.sampled_from(get_args(Scope)),
            spent=st.decimals(0, 1_000_000, places=6),
            soft=AMOUNTS,
            hard=AMOUNTS,
        ),
        max_size=3,
    ).map(tuple),
)


def some(words):
    return st.lists(st.sampled_from(words), min_size=1, max_size=3).map(tuple)


STARTING = {
    "priority": some(PRIORITIES),
    "type": st.lists(TYPES, min_size=1, max_size=2).map(tuple),
    "complexity": some(get_args(Complexity)),
    "role": some(ROLES),
}
ANSWERED = {
    "confidence_below": st.floats(0, 1),
    "score_below": st.floats(0, 1),
    "refused": st.booleans(),
}
FAILED = {"failed_tries": st.integers(1, 5), "error_kind": some(get_args(ErrorKind))}


@st.composite
def rules(draw):
    """Any rule that may stand in a file."""
    then = draw(st.sampled_from(get_args(Outcome)))
    possible = STARTING
    if then != "start_on_premium":
        later = draw(st.sampled_from([ANSWERED, FAILED, {}]))
        possible = STARTING | later | {"revisions": st.integers(0, 3)}
    chosen = draw(st.sets(st.sampled_from(sorted(possible)), min_size=1, max_size=3))
    options = {}
    if then in ("escalate", "start_on_premium"):
        options["max_cost_usd"] = draw(AMOUNTS)
    if then in ("escalate", "ask"):
        options["on_timeout"] = draw(st.sampled_from(get_args(OnTimeout)))
    when = {name: draw(possible[name]) for name in sorted(chosen)}
    return rule(then, f"rule-{draw(st.integers(0, 999))}", when=when, **options)


@given(st.lists(rules(), max_size=6), SITUATIONS, BUDGETS)
def test_the_first_match_wins(listed, asked, budget):
    alone = [decide([one], asked, budget) for one in listed]
    expected = next((found for found in alone if found is not None), None)
    assert decide(listed, asked, budget) == expected


@given(st.lists(rules(), max_size=5), rules(), SITUATIONS, BUDGETS)
def test_a_rule_behind_changes_no_earlier_match(listed, behind, asked, budget):
    before = decide(listed, asked, budget)
    if before is not None:
        assert decide([*listed, behind], asked, budget) == before


@given(st.lists(rules(), max_size=6) | st.just(DEFAULT_RULES), SITUATIONS, BUDGETS)
def test_every_situation_has_an_answer_that_can_be_kept_and_read(listed, asked, budget):
    found = decide(listed, asked, budget)
    if found is None:
        return
    assert found.approval in get_args(Approval)
    assert not found.reason[0].islower()
    assert found.reason.endswith(".")
    assert "None" not in found.reason
    assert json.loads(json.dumps(found.to_json())) == found.to_json()
    assert all(figure.keys() == {"figure", "value", "comparison", "limit", "met"}
               for figure in found.figures)  # fmt: skip


@given(st.lists(rules(), max_size=4), SITUATIONS, BUDGETS)
def test_no_limit_of_a_budget_is_passed_without_a_person(listed, asked, budget):
    found = decide(listed, asked, budget)
    if found is None or found.outcome == "fail" or found.approval == "person":
        return
    cost = budget.estimated_cost_usd
    for one in budget.spending:
        for limit in (one.soft, one.hard):
            assert limit is None or (cost is not None and (not cost or one.spent + cost <= limit))


@given(SITUATIONS)
def test_a_situation_is_kept_as_it_was(asked):
    kept = asked.to_json()
    again = Situation.from_json(kept)
    assert repr(again) == repr(asked)  # nan is not nan
    plain = replace(asked, confidence=0.5, score=None)
    assert Situation.from_json(json.loads(json.dumps(plain.to_json()))) == plain
    assert repr(Situation.from_json({**kept, "mood": "good"})) == repr(asked)


@given(SITUATIONS, BUDGETS)
def test_without_rules_nothing_is_decided(asked, budget):
    assert decide((), asked, budget) is None


@given(rules())
def test_a_rule_is_the_same_when_it_is_written_and_read(one):
    assert Rule.model_validate_json(one.model_dump_json(exclude_unset=True)) == one


def test_rules_cannot_be_changed():
    with pytest.raises(ValidationError):
        DEFAULT_RULES[0].then = "fail"
