"""Counting in windows: what a window is, and what happens while Redis does not answer."""

import socket
import threading
from collections import Counter, deque
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from limits import RateLimitItemPerMinute
from limits.storage import RedisStorage
from redis.exceptions import ConnectionError as RedisConnectionError

from api import windows
from api.limits import WINDOW_SECONDS
from api.windows import NOT_COUNTED, STORAGE_OPTIONS, OneTripWindow, seconds_until, window_at
from tests.api.conftest import PATIENT

TIMES = st.floats(0, 4e9)
untimed = settings(suppress_health_check=list(HealthCheck))


def sent_by_the_guides_client(attempts, most):
    """When the guide's client limiter lets a request go: `most` in any sliding 60 seconds."""
    kept = deque()
    for at in attempts:
        while kept and at - kept[0] >= 60:
            kept.popleft()
        if len(kept) < most:
            kept.append(at)
            yield at


BURSTS = st.lists(st.tuples(st.floats(0, 90), st.integers(1, 130)), min_size=1, max_size=12)


# The worst case: all that is allowed, late and just in a window, and in a minute again, at once.
@example(WINDOW_SECONDS - 4.85, [(0, 100), (60.2, 100)], [4.9] * 100 + [0] * 100)
@untimed
@given(TIMES, BURSTS, st.lists(st.floats(0, 4.99), min_size=1, max_size=50))
def test_the_guides_client_is_never_refused(begin, bursts, delays):
    """Whatever the limit is, that client keeps within it: here it is exactly its own, 100.

    Its requests take different times to arrive, and overtake each other.
    """
    attempts, at = [], begin
    for pause, count in bursts:
        at += pause
        attempts += [at + number * 1e-3 for number in range(count)]
    attempts.sort()
    counted = Counter()
    for number, sent in enumerate(sent_by_the_guides_client(attempts, 100)):
        window, _ = window_at(sent + delays[number % len(delays)], WINDOW_SECONDS)
        counted[window] += 1
    assert max(counted.values()) <= 100


@untimed
@given(TIMES, st.integers(1, 86_400))
def test_a_window_has_ended_when_it_says(at, seconds):
    number, ends_at = window_at(at, seconds)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(windows, "time", lambda: at)
        ends_in = seconds_until(ends_at)
    assert 1 <= ends_in <= seconds
    assert window_at(at + ends_in, seconds)[0] == number + 1


HUNDRED = RateLimitItemPerMinute(100)


@pytest.fixture(autouse=True)
def _request():
    with Flask("windows").app_context():
        yield


def strategy(redis_url, **more):
    return OneTripWindow(RedisStorage(redis_url, **STORAGE_OPTIONS | more))


@pytest.fixture
def counting(redis_url, monkeypatch):
    """In the tests' Redis, at a time that stands still."""
    monkeypatch.setattr(windows, "time", lambda: 1e9)
    return strategy(redis_url, **PATIENT)


def left(counting, name):
    return counting.get_window_stats(HUNDRED, name).remaining


def test_what_is_counted(counting):
    name = uuid4().hex
    assert counting.test(HUNDRED, name, cost=100)
    assert counting.get_window_stats(HUNDRED, name) == (1e9 + 20, 100)
    seen = [(counting.hit(HUNDRED, name), left(counting, name)) for _ in range(3)]
    assert seen == [(True, 99), (True, 98), (True, 97)]
    assert counting.hit(HUNDRED, uuid4().hex)
    assert not counting.test(HUNDRED, name, cost=98)
    assert counting.get_window_stats(HUNDRED, name) == (1e9 + 20, 97)
    assert counting.hit(HUNDRED, name, cost=97)
    assert not counting.test(HUNDRED, name)
    assert not counting.hit(HUNDRED, name)


def test_redis_is_asked_once(counting, monkeypatch):
    name, storage = uuid4().hex, counting.storage
    counting.hit(HUNDRED, name)
    asked = []
    send = storage.storage.execute_command
    monkeypatch.setattr(
        storage.storage, "execute_command", lambda *sent: (asked.append(sent[0]), send(*sent))[1]
    )
    counting.hit(HUNDRED, name)
    assert left(counting, name) == 98
    assert asked == ["EVALSHA"]


THOUSAND = RateLimitItemPerMinute(windows.LARGE)


def hits(counting, name, count):
    """What is left after each."""
    found = []
    for _ in range(count):
        counting.hit(THOUSAND, name)
        found.append(counting.get_window_stats(THOUSAND, name).remaining)
    return found


def trips(counting, monkeypatch):
    """The costs of each trip from now on."""
    told, incr = [], counting.storage.incr

    def noted(name, seconds, cost):
        told.append(cost)
        return incr(name, seconds, cost)

    monkeypatch.setattr(counting.storage, "incr", noted)
    return told


def test_of_a_large_limit_ten_are_told_together(counting, monkeypatch):
    name, told = uuid4().hex, trips(counting, monkeypatch)
    assert hits(counting, name, 31) == list(range(999, 968, -1))
    assert told == [1, 10, 10, 10]


def test_near_a_large_limit_each_is_told(counting, monkeypatch):
    name, told = uuid4().hex, trips(counting, monkeypatch)
    assert counting.hit(THOUSAND, name, cost=501)
    assert hits(counting, name, 3) == [498, 497, 496]
    assert told == [501, 1, 1, 1]
    assert counting.hit(THOUSAND, name, cost=496)
    assert not counting.hit(THOUSAND, name)


def test_processes_come_to_one_count(counting, redis_url):
    """Both know of each other's by the half of the limit, and refuse together."""
    name, other = uuid4().hex, strategy(redis_url, **PATIENT)
    within = [one.hit(THOUSAND, name) for _ in range(600) for one in (counting, other)]
    refused = within.index(False)
    assert windows.LARGE <= refused <= windows.LARGE + 2 * windows.TOGETHER
    assert not any(within[refused + 2 :])


def test_the_next_window_begins_anew(counting, monkeypatch):
    name, told = uuid4().hex, trips(counting, monkeypatch)
    assert hits(counting, name, 5)[-1] == 995
    monkeypatch.setattr(windows, "time", lambda: 1e9 + 60)
    assert hits(counting, name, 2) == [999, 998]
    assert told == [1, 1]


def test_a_window_is_forgotten(counting):
    name = uuid4().hex
    counting.hit(HUNDRED, name)
    redis = counting.storage.get_connection()
    (key,) = redis.keys(f"*{name}*")
    assert 0 < redis.ttl(key) <= 60


def test_threads_together_count_each(counting):
    name = uuid4().hex

    def count():
        with Flask("thread").app_context():
            counting.hit(HUNDRED, name)

    threads = [threading.Thread(target=count) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counting.test(HUNDRED, name)
    assert left(counting, name) == 80


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(windows, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def answers(counting, monkeypatch):
    """Whether the Redis of `counting` answers, and how often it was asked."""
    state = {"answers": False, "asked": 0}

    def incr(name, seconds, cost):
        state["asked"] += 1
        if not state["answers"]:
            raise RedisConnectionError
        return 1

    monkeypatch.setattr(counting.storage, "incr", incr)
    return state


def seen(counting, name="x"):
    """What is seen of a window by counting in it, which is let through."""
    assert counting.hit(HUNDRED, name)
    return counting.get_window_stats(HUNDRED, name)


def test_a_redis_that_does_not_answer_is_left_alone(counting, answers, clock, caplog):
    assert [seen(counting) for _ in range(5)] == [NOT_COUNTED] * 5
    assert answers["asked"] == 1
    clock[0] += windows.LEFT_ALONE_SECONDS
    assert [seen(counting) for _ in range(5)] == [NOT_COUNTED] * 5
    assert answers["asked"] == 2
    assert len(caplog.records) == 1
    clock[0] += windows.LEFT_ALONE_SECONDS
    answers["answers"] = True
    assert [seen(counting).remaining for _ in range(5)] == [99] * 5


def test_one_request_asks_again_while_others_pass(counting, answers, clock, monkeypatch):
    seen(counting)
    clock[0] += windows.LEFT_ALONE_SECONDS
    meanwhile = []

    def incr(name, seconds, cost):
        meanwhile.append(seen(counting, "y"))
        return 7

    monkeypatch.setattr(counting.storage, "incr", incr)
    assert seen(counting).remaining == 93
    assert meanwhile == [NOT_COUNTED]


def test_a_redis_that_is_away_or_silent(free_port_url):
    assert seen(strategy(free_port_url)) is NOT_COUNTED
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        silent_one = strategy(f"redis://127.0.0.1:{port}")
        assert seen(silent_one) is NOT_COUNTED
        assert silent_one.test(HUNDRED, "x", cost=101)


def test_a_wrong_password_is_no_answer(redis_url, caplog):
    parts = urlsplit(redis_url)
    assert ip_address(parts.hostname).is_loopback
    assert seen(strategy(f"redis://:wrong-one@{parts.hostname}:{parts.port}")) is NOT_COUNTED
    assert caplog.records
    assert "wrong-one" not in caplog.text


@pytest.fixture
def free_port_url():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return f"redis://127.0.0.1:{port}"
