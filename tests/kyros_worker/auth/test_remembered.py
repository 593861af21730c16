from datetime import timedelta

import pytest

from kyros_worker.auth import remembered
from kyros_worker.auth.remembered import REMEMBERED_SECONDS, Remembered
from kyros_worker.auth.subject import INVALID_CREDENTIAL, Subject
from kyros_worker.clock import now
from kyros_worker.errors import UnauthenticatedError

JO = Subject("usr_1", "test", frozenset())


class Tokens:
    """What is known, by the hash, and what was looked up of it."""

    def __init__(self):
        self.known, self.asked = {"jo": (JO, None)}, []

    def look_up(self, digest):
        self.asked.append(digest)
        return self.known.get(digest)


@pytest.fixture
def tokens():
    return Tokens()


@pytest.fixture
def memory(tokens):
    return Remembered(tokens.look_up)


@pytest.fixture
def clock(monkeypatch):
    at = [1000.0]
    monkeypatch.setattr(remembered.time, "monotonic", lambda: at[0])
    return at


def refused(memory, digest):
    with pytest.raises(UnauthenticatedError) as caught:
        memory.subject(digest)
    return caught.value.message == INVALID_CREDENTIAL


def test_it_is_looked_up_once_in_a_while(memory, tokens, clock):
    for _ in range(3):
        assert memory.subject("jo") is JO
    assert tokens.asked == ["jo"]
    clock[0] += REMEMBERED_SECONDS + 0.1
    del tokens.known["jo"]
    assert refused(memory, "jo")
    assert REMEMBERED_SECONDS < 2


def test_what_is_unknown_is_asked_again(memory, tokens):
    assert refused(memory, "new")
    tokens.known["new"] = (JO, None)
    assert memory.subject("new") is JO


def test_it_ends_to_the_moment(memory, tokens, monkeypatch):
    end = now() + timedelta(hours=1)
    tokens.known["jo"] = (JO, end)
    assert memory.subject("jo") is JO
    monkeypatch.setattr(remembered, "now", lambda: end)
    assert refused(memory, "jo")
    assert tokens.asked == ["jo"]


def test_what_was_forgotten_is_looked_up(memory, tokens):
    memory.subject("jo")
    memory.forget()
    memory.subject("jo")
    assert tokens.asked == ["jo", "jo"]


def test_it_does_not_grow_without_end(memory, tokens, monkeypatch):
    monkeypatch.setattr(remembered, "_MOST", 3)
    for number in range(10):
        tokens.known[str(number)] = (JO, None)
        memory.subject(str(number))
        assert len(memory._known) <= 3
