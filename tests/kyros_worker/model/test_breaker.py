"""The breaker: tables, and properties over any course of calls, faults and deaths."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.model.breaker import (
    FIRST_OPEN_SECONDS,
    LONGEST_OPEN_SECONDS,
    LONGEST_RETRY_AFTER_SECONDS,
    MOST_FAULTS,
    PROBE_PAUSE_SECONDS,
    ROW_SECONDS,
    Breaker,
    after_answer,
    after_fault,
    alert,
    asked_again_at,
    is_fault,
    next_in_order,
    probed_by,
    state,
)
from kyros_worker.model.failure import Failure

AT = datetime(2026, 1, 31, tzinfo=UTC)
FAULT = Failure("server_error", "It broke.", retryable=True)


def later(seconds):
    return AT + timedelta(seconds=seconds)


def failing(times, *, failure=FAULT, apart=1.0):
    """After so many faults, the last of them at AT."""
    breaker = Breaker()
    for number in range(times):
        at = later((number + 1 - times) * apart)
        breaker = after_fault(breaker, f"call_{number}", failure, at)
    return breaker


def opened(openings=1):
    """Opened so often, at AT for the last time."""
    breaker = failing(MOST_FAULTS)
    for number in range(1, openings):
        breaker = after_fault(probed_by(breaker, f"probe_{number}"), f"probe_{number}", FAULT, AT)
    return breaker


def open_seconds(breaker, at=AT):
    return (breaker.open_until - at).total_seconds()


@pytest.mark.parametrize(
    ("kind", "counts"),
    [
        ("rate_limited", True), ("server_error", True), ("timeout", True), ("connection", True),
        ("content_refused", False), ("rejected", False), ("invalid_output", False), (None, False),
    ],
)  # fmt: skip
def test_what_speaks_against_a_provider(kind, counts):
    assert is_fault(kind) is counts


@pytest.mark.parametrize(
    ("times", "apart", "expected"),
    [
        (0, 1, "closed"),
        (MOST_FAULTS - 1, 1, "closed"),
        (MOST_FAULTS, 0, "open"),
        (MOST_FAULTS, ROW_SECONDS, "open"),
        (MOST_FAULTS + 9, 1, "open"),
        # Each begins a new row.
        (MOST_FAULTS + 9, ROW_SECONDS + 1, "closed"),
    ],
)
def test_it_opens_after_faults_in_a_row(times, apart, expected):
    assert state(failing(times, apart=apart), AT) == expected


def test_an_answer_ends_a_row():
    assert after_answer(failing(MOST_FAULTS - 1), "call_x") == Breaker()


@pytest.mark.parametrize(
    ("openings", "seconds"),
    [(1, 30), (2, 60), (3, 120), (4, 240), (5, 480), (6, 600), (7, 600), (500, 600)],
)
def test_it_is_open_for_longer_after_each_failed_probe(openings, seconds):
    breaker = opened(openings)
    assert (breaker.openings, open_seconds(breaker)) == (openings, seconds)
    assert breaker.opened_at == AT
    assert state(breaker, later(seconds) - timedelta(microseconds=1)) == "open"
    assert state(breaker, later(seconds)) == "half_open"


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [(None, 30), (0, 30), (-5, 30), (math.nan, 30), (1e-300, 1), (0.5, 1), (7, 7), (120, 120),
     (3600, 3600), (86_400, 3600), (math.inf, 3600)],
)  # fmt: skip
def test_a_providers_retry_after_is_the_time(retry_after, seconds):
    failure = Failure("rate_limited", "Slow down.", retryable=True, retry_after=retry_after)
    assert open_seconds(failing(MOST_FAULTS, failure=failure)) == seconds
    probed = probed_by(opened(), "probe")
    probed = after_fault(probed, "probe", failure, AT)
    assert open_seconds(probed) == (60 if seconds == 30 else seconds)


@pytest.mark.parametrize(
    ("after_seconds", "probing", "expected"),
    [
        (0, False, 30),
        (29.9, False, 30),
        (30, False, None),
        (1000, False, None),
        (30, True, 30 + PROBE_PAUSE_SECONDS),
        (0, True, 30),
    ],
)
def test_when_a_call_is_let_through(after_seconds, probing, expected):
    found = asked_again_at(opened(), later(after_seconds), probing=probing)
    assert found == (None if expected is None else later(expected))


def test_a_closed_one_lets_everything_through():
    for times in range(MOST_FAULTS):
        assert asked_again_at(failing(times), AT, probing=False) is None


def test_what_began_before_it_opened_says_nothing():
    breaker = probed_by(opened(), "probe")
    assert after_fault(breaker, "call_old", FAULT, AT) == breaker
    assert after_answer(breaker, "call_old") == breaker
    assert after_answer(breaker, "probe") == Breaker()


def test_what_is_told():
    down = alert("local:mine", failing(MOST_FAULTS - 1), opened())
    assert down == {
        "kind": "provider_down", "mode": "live", "model": "local:mine",
        "error_kind": "server_error",
        "message": "local:mine is left alone for now: 5 calls in a row failed, the last one: "
        "It broke.",
    }  # fmt: skip
    assert alert("local:mine", opened(), opened(2)) is None, "it was down all the time"
    assert alert("local:mine", Breaker(), failing(1)) is None
    up = alert("local:mine", opened(2), Breaker())
    assert (up["kind"], up["message"]) == ("provider_up", "local:mine answers again.")


@pytest.mark.parametrize(
    ("failed", "expected"),
    [(None, "abc"), ("a", "bca"), ("b", "cab"), ("c", "abc"), ("gone", "abc")],
)
def test_the_next_in_order(failed, expected):
    assert "".join(next_in_order("abc", failed)) == expected
    assert next_in_order([], failed) == []


#: What happens next: time passes, a call is asked for, or one of those that run ends.
STEPS = st.one_of(
    st.tuples(st.just("pass"), st.floats(0, 700)),
    st.tuples(st.just("ask"), st.none()),
    st.tuples(st.sampled_from(["answer", "die"]), st.integers(0, 20)),
    st.tuples(st.just("fault"), st.integers(0, 20)),
)
RETRY_AFTER = st.none() | st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(STEPS, max_size=200), st.data())
def test_any_course(steps, data):
    """One probe at a time, an answer to it closes, no time is without bounds."""
    breaker, at = Breaker(), AT
    running: list[tuple[str, bool]] = []
    for number, (what, value) in enumerate(steps):
        if what == "pass":
            at += timedelta(seconds=value)
        elif what == "ask":
            probing = any(call_id == breaker.probe_call_id for call_id, _ in running)
            again = asked_again_at(breaker, at, probing=probing)
            if again is None:
                call_id, is_probe = f"call_{number}", not breaker.is_closed
                running.append((call_id, is_probe))
                breaker = probed_by(breaker, call_id) if is_probe else breaker
            else:
                assert at < again <= at + timedelta(seconds=LONGEST_RETRY_AFTER_SECONDS)
        elif running:
            call_id, is_probe = running.pop(value % len(running))
            before = breaker
            if what == "answer":
                breaker = after_answer(breaker, call_id)
                assert not is_probe or breaker == Breaker(), "an answered probe closes"
            elif what == "fault":
                failure = Failure("timeout", "Slow.", True, data.draw(RETRY_AFTER))
                breaker = after_fault(breaker, call_id, failure, at)
                assert not is_probe or breaker.open_until > at, "a failed probe opens"
            if breaker.open_until not in (None, before.open_until):
                assert 0 < open_seconds(breaker, at) <= LONGEST_RETRY_AFTER_SECONDS
                if what == "fault" and not (failure.retry_after or 0) > 0:
                    assert FIRST_OPEN_SECONDS <= open_seconds(breaker, at) <= LONGEST_OPEN_SECONDS
        assert sum(is_probe for _, is_probe in running) <= 1
        assert breaker.is_closed == (breaker.opened_at is None) == (breaker.openings == 0)
        assert breaker.is_closed == (breaker.faults < MOST_FAULTS)
