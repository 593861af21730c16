"""Histories played again, as a table: what other rules find, and what it would cost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from kyros_worker.rules import Rule, When
from kyros_worker.task.replay import Asked, Call, Found, History, Pass, Setting, replay
from kyros_worker.task.tally import Tally

WORKFLOWS = {"implementation": ("implementer", "critic", "integrator"), "review": ("critic",)}
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

START = Rule(name="start", when=When(role=("implementer",)), then="start_on_premium")
ALL = Rule(name="all", then="start_on_premium")
UNSURE = Rule(name="unsure", when=When(confidence_below=0.5), then="escalate")
ASK = Rule(name="ask", when=When(confidence_below=0.5), then="ask")
FAIL = Rule(name="fail", when=When(confidence_below=0.5), then="fail")
REFUSED = Rule(name="refused", when=When(refused=True), then="escalate")
ONE_TRY = Rule(name="one-try", when=When(failed_tries=1), then="escalate")
TWO_TRIES = Rule(name="two-tries", when=When(failed_tries=2), then="escalate")
CHEAP = Rule(name="cheap", when=When(confidence_below=0.5), then="escalate", max_cost_usd="5")


def at(minute):
    return NOON + timedelta(minutes=minute)


def call(minute, tier="economy", claim=1, state="completed", **fields):
    """An economy call costs 1 and would cost 10; a premium call costs 10."""
    cost = Decimal(1 if tier == "economy" else 10)
    error_kind = "timeout" if state == "failed" else None
    given = {"error_kind": error_kind, "cost_usd": cost, "premium_usd": Decimal(10), **fields}
    return Call(tier=tier, claim=claim, state=state, ended_at=at(minute), **given)


def one(role, minute, tier="economy", *, revision=0, confidence=0.9, decision=None, calls=None,
        **fields):  # fmt: skip
    answer = {"confidence": confidence, "score": None, "decision": decision}
    given = {
        "run": 1, "started": True, "answer": answer, "failed_by": None, "asked": None, **fields,
    }  # fmt: skip
    made = (call(minute + 1, tier),) if calls is None else calls
    return Pass(role=role, tier=tier, revision=revision, created_at=at(minute), calls=made, **given)


def asked(minute, rule="unsure", role="implementer", **fields):
    given = {
        "by": "rule" if rule else "person", "automatic": True, "status": "completed",
        "estimated_cost_usd": None, "decided_at": at(minute), **fields,
    }  # fmt: skip
    return Asked(id=f"esc_{minute}", run=1, role=role, rule=rule, created_at=at(minute), **given)


def history(*passes, asked=(), task_type="implementation"):
    return History("medium", task_type, None, passes[0].role, passes, tuple(asked))


DOUBTED = one("implementer", 0, confidence=0.3)
ESCALATED = asked(1)
PREMIUM = one("implementer", 1, "premium", confidence=0.3, asked=ESCALATED)
CRITIC = one("critic", 10, decision="approve")
INTEGRATOR = one("integrator", 20, decision="go")
REFUSING = one("critic", 10, decision="refuse")
REVISION = one("implementer", 12, revision=1)

PLAIN = history(DOUBTED, CRITIC, INTEGRATOR)
WENT = history(DOUBTED, PREMIUM, CRITIC, INTEGRATOR, asked=[ESCALATED])
RAISED = history(
    one("implementer", 0, "premium", asked=asked(1, "start")), CRITIC, asked=[asked(1, "start")]
)
REVISED = history(DOUBTED, REFUSING, REVISION, one("critic", 15, revision=1))
TRIED = history(
    one("implementer", 0, calls=(
        call(1, state="failed"), call(2, claim=2, state="failed"), call(3, claim=3),
    )),
)  # fmt: skip
SECOND_CALL = history(
    one("implementer", 0, calls=(call(1, state="failed", error_kind="invalid_output"), call(2)))
)
DEAD_WORKER = history(
    one("implementer", 0, calls=(call(1, state="lost"), call(2, claim=2, state="aborted")))
)
BY_PERSON = asked(0.5, None)
PERSONS = history(
    DOUBTED, replace(PREMIUM, asked=BY_PERSON, created_at=at(1)), CRITIC, asked=[BY_PERSON]
)
REJECTED_LATER = history(
    DOUBTED, CRITIC, asked=[replace(BY_PERSON, status="rejected", decided_at=at(5))]
)
REJECTED_BEFORE = history(
    DOUBTED, CRITIC, asked=[replace(BY_PERSON, status="rejected", decided_at=at(0.7))]
)
BUDGET = history(
    DOUBTED, CRITIC, asked=[replace(asked(0.5, "task-budget"), by="budget", status="requested")]
)
WAITING = history(one("implementer", 0, started=False, answer=None, calls=()))
FAILED_REALLY = history(replace(DOUBTED, failed_by="hard"))
PRICELESS = history(replace(DOUBTED, calls=(call(1, premium_usd=None),)), CRITIC)

S, E, A, F = "started_on_premium", "escalated", "asked", "failed"


@pytest.mark.parametrize(("given", "rules", "would", "difference"), [
    (PLAIN, (), [], 0),
    (PLAIN, (UNSURE,), [("unsure", E)], 10),
    (PLAIN, (ASK, UNSURE), [("ask", A)], 0),
    (PLAIN, (UNSURE, ASK), [("unsure", E)], 10),
    (PLAIN, (FAIL,), [("fail", F)], -2),  # the critic's and the integrator's calls
    (PLAIN, (START,), [("start", S)], 9),
    (PLAIN, (ALL,), [("all", S)] * 3, 27),
    (PLAIN, (START, UNSURE), [("start", S)], 9),
    (PLAIN, (CHEAP,), [("cheap", A)], 0),  # 10 is above its 5
    (PLAIN, (TWO_TRIES, REFUSED), [], 0),
    (WENT, (UNSURE,), [("unsure", E)], 0),
    (WENT, (), [], -10),
    (WENT, (ASK,), [("ask", A)], 0),  # a person's answer is the history's
    (WENT, (START,), [("start", S)], -1),  # the premium pass alone
    (WENT, (FAIL,), [("fail", F)], -12),
    (RAISED, (START,), [("start", S)], 0),
    (RAISED, (), [], -10),
    (RAISED, (UNSURE,), [], -10),
    (REVISED, (UNSURE,), [("unsure", E)], 10 + 9),  # its revision is a premium one too
    (REVISED, (REFUSED,), [("refused", E)], 10 + 9),
    (REVISED, (START, REFUSED), [("start", S)], 9 + 9),
    (TRIED, (ONE_TRY,), [("one-try", E)], 10 - 2),
    (TRIED, (TWO_TRIES,), [("two-tries", E)], 10 - 1),
    (TRIED, (UNSURE,), [], 0),
    (SECOND_CALL, (ONE_TRY,), [], 0),  # the claim's second call was answered
    (DEAD_WORKER, (ONE_TRY,), [], 0),
    (PERSONS, (UNSURE,), [], 0),  # nobody asks rules meanwhile
    (PERSONS, (), [], 0),
    (REJECTED_LATER, (UNSURE,), [], 0),
    (REJECTED_BEFORE, (UNSURE,), [("unsure", E)], 10),
    (BUDGET, (UNSURE,), [("unsure", E)], 10),
    (WAITING, (ALL, UNSURE), [], 0),
    (FAILED_REALLY, (UNSURE,), [("unsure", E)], 10),
    (PRICELESS, (UNSURE,), [("unsure", E)], 0),
    (PRICELESS, (CHEAP,), [("cheap", A)], 0),
    (history(replace(DOUBTED, run=1), replace(DOUBTED, run=2)), (UNSURE,), [("unsure", E)] * 2, 20),
    (history(one("critic", 0, decision="refuse"), task_type="review"), (REFUSED,),
     [("refused", E)], 10),
])  # fmt: skip
def test_replay(given, rules, would, difference):
    replayed = replay(given, Setting(rules, WORKFLOWS, lambda _: True))
    assert [(found.rule, found.kind) for found in replayed.would] == would
    tally = Tally()
    tally.add(given, replayed)
    assert tally.shown()["cost"]["difference"] == difference


@pytest.mark.parametrize(("given", "rules", "not_known"), [
    (PLAIN, (UNSURE,), {}),
    (PRICELESS, (UNSURE,), {"premium_passes": 1}),
    (PRICELESS, (ASK,), {"passes_if_approved": 1}),
    (WENT, (), {"economy_instead_of_premium": 1}),
    # What the critic would have said of an economy draft is not known.
    (WENT, (REFUSED,), {"economy_instead_of_premium": 1, "tasks_with_other_answers": 1}),
    (FAILED_REALLY, (), {"tasks_with_other_answers": 1}),
    (history(replace(DOUBTED, calls=(call(1, cost_usd=None),))), (), {"unpriced_calls": 1}),
])  # fmt: skip
def test_what_is_not_known_is_counted(given, rules, not_known):
    tally = Tally()
    tally.add(given, replay(given, Setting(rules, WORKFLOWS, lambda _: True)))
    found = tally.shown()["not_known"]
    assert {name: count for name, count in found.items() if count} == not_known


def test_what_really_happened():
    parked = replace(asked(1), automatic=False)
    found = [
        replay(given, Setting((), WORKFLOWS, lambda _: True)).really
        for given in (PLAIN, WENT, RAISED, history(DOUBTED, asked=[parked]), FAILED_REALLY, PERSONS)
    ]
    assert found == [
        [], [Found("unsure", E)], [Found("start", S)], [Found("unsure", A)], [Found("hard", F)], [],
    ]  # fmt: skip


def test_without_a_premium_model_no_rule_escalates():
    nobody = Setting((ALL, UNSURE), WORKFLOWS, lambda _: False)
    assert replay(PLAIN, nobody).would == []
    assert replay(PLAIN, replace(nobody, rules=(FAIL,))).would == [Found("fail", F)]
