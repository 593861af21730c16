"""Counters: what processes count is added up, and survives a Postgres that is away."""

import threading
from contextlib import contextmanager
from uuid import uuid4

import pytest
from sqlalchemy.exc import OperationalError

from kyros_worker.database import read
from kyros_worker.monitoring import counters
from kyros_worker.monitoring.counters import Tally, read_counter


@pytest.fixture
def name(schema):
    return uuid4().hex


def value(name):
    with read() as connection:
        return read_counter(connection, name)


def test_what_never_happened(name):
    assert value(name) == 0


def test_all_processes_add_to_it(name):
    here, there = Tally(name), Tally(name)
    for tally, count in ((here, 3), (there, 4)):
        for _ in range(count):
            tally.add()
        tally.write()
    assert value(name) == 7
    here.write()
    assert value(name) == 7


def test_it_is_written_after_a_while(name, monkeypatch):
    monkeypatch.setattr(counters, "WRITTEN_AFTER_SECONDS", 0.01)
    tally, written = Tally(name), threading.Event()
    write = tally.write
    monkeypatch.setattr(tally, "write", lambda: (write(), written.set()))
    tally.add(5)
    assert written.wait(20)
    assert value(name) == 5


@contextmanager
def away():
    raise OperationalError(None, None, Exception("away"))
    yield


def test_postgres_is_away(name, monkeypatch):
    tally = Tally(name)
    tally.add(2)
    with monkeypatch.context() as patched:
        patched.setattr(counters, "transaction", away)
        tally.write()
    tally.add()
    tally.write()
    assert value(name) == 3
