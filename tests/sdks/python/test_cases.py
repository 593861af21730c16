"""The shared cases, through both clients, over real HTTP."""

import os
import string
from itertools import groupby
from typing import Any

import pytest

from tests.sdks.python.cases import (
    CASES,
    OBJECTS,
    Played,
    compare,
    compare_pauses,
    filled,
    play_async,
    play_blocking,
)
from tests.sdks.python.scripted_server import Asked, nobody

#: Each case once with typed tasks and contexts, and where it has any once with plain ones.
WAYS = [
    pytest.param(case, typed, id=f"{name}{'' if typed else ', plain'}")
    for name, case in CASES.items()
    for typed in (True, False)
    if typed or any(OBJECTS & {*call["arguments"]} for call in case["calls"])
]


@pytest.mark.parametrize("play", [play_blocking, play_async], ids=["blocking", "async"])
@pytest.mark.parametrize(("case", "typed"), WAYS)
def test_case(case, typed, play, server, monkeypatch):
    case = filled(case, {"server": server.url, "nobody": nobody()})
    _set_environment(monkeypatch, case.get("client", {}).get("environment", {}))
    exchanges = case["exchanges"]
    server.answers(*(exchange["answer"] for exchange in exchanges))
    played, pauses = play(case, server.url, typed=typed)
    for one in played:
        compare(one)
    assert len(server.asked) == len(exchanges)
    for asked, exchange in zip(server.asked, exchanges, strict=True):
        _compare_request(asked, exchange["request"])
    compare_pauses(pauses, case.get("pauses_ms", []))
    _compare_keys(server.asked, played, exchanges)


def _set_environment(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith("KYROS_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def _compare_request(asked: Asked, expected: dict[str, Any]) -> None:
    assert (asked.method, asked.path) == (expected["method"], expected["path"])
    assert asked.query == expected.get("query", {})
    assert asked.json == expected.get("body")
    is_stream = asked.path.endswith("/stream")
    usual = {
        "Accept": "text/event-stream" if is_stream else "application/json",
        "Content-Type": "application/json" if "body" in expected else None,
    }
    for name, value in {**usual, **expected.get("headers", {})}.items():
        assert asked.headers.get(name.lower()) == value, name
    assert asked.headers["user-agent"].startswith("kyros-")
    assert asked.headers["authorization"].startswith("Bearer kyros_test_")


def _compare_keys(asked: list[Asked], played: list[Played], exchanges: list[Any]) -> None:
    """One key for all tries of a call, a call of its own each; only a POST has one."""
    keys = [one.headers.get("idempotency-key") for one in asked]
    assert [key is not None for key in keys] == [one.method == "POST" for one in asked]
    for key in filter(None, keys):
        assert 1 <= len(key) <= 255
        assert set(key) <= set(string.printable) - set(string.whitespace)
    if asked and asked[0].method == "POST":
        groups = [key for key, _ in groupby(keys)]
        assert len(groups) == len(set(groups)) == len(played)
