from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.errors import FieldError
from kyros_worker.model.catalog import TIERS
from kyros_worker.model.steering import Steering, check, steering
from kyros_worker.settings import ROLES

VALID = {
    "confidence": st.floats(0, 1) | st.integers(0, 1),
    "score": st.floats(0, 1),
    "refusals": st.integers(0, 1_000_000),
    "error": st.sampled_from(
        ["rate_limited", "server_error", "timeout", "content_refused", "invalid_output"]
    ),
    "error_times": st.integers(0, 1_000_000),
    "decision": st.sampled_from(["go", "no_go"]),
    "delay_seconds": st.floats(0, 60) | st.integers(0, 60),
    "input_tokens": st.integers(0, 10_000_000),
    "output_tokens": st.integers(0, 10_000_000),
}
SECTIONS = (*TIERS, *ROLES)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def values():
    return st.fixed_dictionaries({}, optional={key: st.none() | of for key, of in VALID.items()})


def sandboxes():
    sections = st.fixed_dictionaries({}, optional=dict.fromkeys(SECTIONS, values()))
    return st.builds(lambda top, inner: {**top, **inner}, values(), sections)


@dataclass(frozen=True)
class Ended:
    role: str
    tier: str


calls = st.lists(st.builds(Ended, st.sampled_from(ROLES), st.sampled_from(TIERS)), max_size=20)


@given(sandboxes(), st.sampled_from(ROLES), st.sampled_from(TIERS))
def test_a_roles_value_beats_a_tiers_which_beats_the_top_levels(sandbox, role, tier):
    assert check({"sandbox": sandbox}) == []
    found = steering({"sandbox": sandbox}, role, tier)
    for key in VALID:
        scopes = [sandbox.get(role, {}), sandbox.get(tier, {}), sandbox]
        given_values = [scope[key] for scope in scopes if scope.get(key) is not None]
        assert getattr(found, key) == (given_values or [getattr(Steering(), key)])[0]


def test_the_defaults():
    expected = Steering(
        confidence=0.9, score=0.9, refusals=0, error=None, error_times=1, error_scope=None,
        decision="go", delay_seconds=0.3, input_tokens=None, output_tokens=None,
    )  # fmt: skip
    for metadata in ({}, {"sandbox": None}, {"sandbox": {}}, {"sandbox": {"critic": None}}):
        assert check(metadata) == []
        assert steering(metadata, "critic", "economy") == expected


@pytest.mark.parametrize(
    ("sandbox", "field", "words"),
    [
        ([], "metadata.sandbox", "must be an object"),
        ("x", "metadata.sandbox", "must be an object"),
        (False, "metadata.sandbox", "must be an object"),
        ({"confidence": 1.01}, "metadata.sandbox.confidence", "from 0 to 1"),
        ({"confidence": True}, "metadata.sandbox.confidence", "from 0 to 1"),
        ({"confidence": "0.5"}, "metadata.sandbox.confidence", "from 0 to 1"),
        ({"confidence": float("nan")}, "metadata.sandbox.confidence", "from 0 to 1"),
        ({"critic": {"score": -0.1}}, "metadata.sandbox.critic.score", "from 0 to 1"),
        ({"refusals": 0.5}, "metadata.sandbox.refusals", "whole number"),
        ({"refusals": -1}, "metadata.sandbox.refusals", "whole number"),
        ({"refusals": False}, "metadata.sandbox.refusals", "whole number"),
        ({"error": "boom"}, "metadata.sandbox.error", "must be one of rate_limited"),
        ({"error": ["timeout"]}, "metadata.sandbox.error", "must be one of"),
        ({"error_times": "2"}, "metadata.sandbox.error_times", "whole number"),
        ({"decision": "maybe"}, "metadata.sandbox.decision", "go, no_go"),
        ({"delay_seconds": 60.1}, "metadata.sandbox.delay_seconds", "from 0 to 60"),
        ({"input_tokens": 10**5000}, "metadata.sandbox.input_tokens", "10000000"),
        ({"output_tokens": float("inf")}, "metadata.sandbox.output_tokens", "whole number"),
        ({"premium": []}, "metadata.sandbox.premium", "must be an object"),
        ({"premium": 0}, "metadata.sandbox.premium", "must be an object"),
        ({"premium": {"critic": {}}}, "metadata.sandbox.premium.critic", "is unknown"),
        ({"confidense": 1}, "metadata.sandbox.confidense", "is unknown"),
        ({"unknown": None}, "metadata.sandbox.unknown", "is unknown"),
    ],
)
def test_a_wrong_value_is_named(sandbox, field, words):
    (error,) = check({"sandbox": sandbox})
    assert error.field == field
    assert words in error.message
    steering({"sandbox": sandbox}, "critic", "premium")


def test_every_wrong_value_is_listed():
    sandbox = {"score": 2, "x": 1, "critic": {"score": 3, "y": 1}, "economy": 7}
    named = [error.field.removeprefix("metadata.sandbox.") for error in check({"sandbox": sandbox})]
    assert named == ["score", "x", "economy", "critic.score", "critic.y"]
    assert len(check({"sandbox": dict.fromkeys(map(str, range(9_000)), 1)})) == 50


@given(st.dictionaries(st.sampled_from([*VALID, *SECTIONS, "x"]), JSON) | JSON)
def test_no_json_makes_either_raise(sandbox):
    errors = check({"sandbox": sandbox})
    assert all(isinstance(error, FieldError) for error in errors)
    for role in ROLES:
        found = steering({"sandbox": sandbox}, role, "economy")
        assert 0 <= found.confidence <= 1
        assert 0 <= found.delay_seconds <= 60


def test_whole_numbers_may_be_written_with_a_point():
    found = steering({"sandbox": {"refusals": 2.0}}, "critic", "economy")
    assert found.refusals == 2
    assert isinstance(found.refusals, int)


@given(
    calls,
    st.sampled_from([None, *SECTIONS]),
    st.integers(0, 5),
    st.sampled_from(ROLES),
    st.sampled_from(TIERS),
)
def test_the_first_so_many_calls_of_the_scope_fail(earlier, scope, times, role, tier):
    told = {"error": "timeout", "error_times": times}
    found = steering({"sandbox": told if scope is None else {scope: told}}, role, tier)
    counted = [call for call in earlier if scope in (None, call.role, call.tier)]
    concerned = scope in (None, role, tier)
    fails = concerned and len(counted) < times
    assert found.error_now(earlier) == ("timeout" if fails else None)


def test_a_workflow_through_its_errors():
    """Each call that ended is counted for the next; three fail, whatever their role."""
    sandbox = {"error": "server_error", "error_times": 3}
    ended = []
    outcome = []
    for role in ("implementer", "implementer", "implementer", "implementer", "critic"):
        found = steering({"sandbox": sandbox}, role, "economy")
        outcome.append(found.error_now(ended))
        ended.append(Ended(role, "economy"))
    assert outcome == ["server_error"] * 3 + [None, None]


def test_an_error_of_a_role_counts_that_roles_calls_though_the_top_level_says_how_often():
    sandbox = {"error_times": 2, "error": "timeout", "critic": {"error": "rate_limited"}}
    found = steering({"sandbox": sandbox}, "critic", "premium")
    others = [Ended("implementer", "premium")] * 5
    assert found.error_now(others) == "rate_limited"
    assert found.error_now([*others, Ended("critic", "economy")]) == "rate_limited"
    assert found.error_now([*others, *[Ended("critic", "economy")] * 2]) is None
