"""Shared commits: who arrives together shares one, and nobody shares another's fault."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from kyros_worker.database import read, transaction
from kyros_worker.group_commit import GroupCommit


@pytest.fixture
def numbers(schema):
    """A table of distinct numbers, each with the transaction that wrote it."""
    with transaction() as connection:
        connection.execute(text("CREATE TABLE numbers (n int PRIMARY KEY, written_by bigint)"))
    yield
    with transaction() as connection:
        connection.execute(text("DROP TABLE numbers"))


def write(connection, items):
    for item in items:
        connection.execute(text("INSERT INTO numbers VALUES (:n, txid_current())"), {"n": item})
    return [item * 2 for item in items]


def rows():
    with read() as connection:
        return dict(connection.execute(text("SELECT n, written_by FROM numbers")).all())


def add_together(group, items, *, sizes=None):
    """Adds items from a thread each, while the first is held in the database until all wait."""
    sizes = sizes or {}
    started, let_go = threading.Event(), threading.Event()

    def held(connection, items):
        if not started.is_set():
            started.set()
            assert let_go.wait(20)
        return write(connection, items)

    group._write = held
    with ThreadPoolExecutor(len(items)) as pool:
        futures = [pool.submit(group.add, items[0], sizes.get(items[0], 0))]
        assert started.wait(20)
        for number, item in enumerate(items[1:], start=1):
            futures.append(pool.submit(group.add, item, sizes.get(item, 0)))
            while len(group._waiting) < number:
                pass
        let_go.set()
    return futures


def test_alone(numbers):
    group = GroupCommit(write)
    assert group.add(1) == 2
    assert set(rows()) == {1}
    assert group.add(2) == 4
    assert len(set(rows().values())) == 2


def test_who_waits_together_shares_one_transaction(numbers):
    futures = add_together(GroupCommit(write), [1, 2, 3, 4, 5])
    assert [future.result() for future in futures] == [2, 4, 6, 8, 10]
    written = rows()
    assert written[1] != written[2]
    assert len({written[n] for n in (2, 3, 4, 5)}) == 1


def test_a_fault_is_its_own_items(numbers):
    futures = add_together(GroupCommit(write), [1, 2, 1, 3])
    assert [futures[i].result() for i in (0, 1, 3)] == [2, 4, 6]
    assert isinstance(futures[2].exception(), IntegrityError)
    assert set(rows()) == {1, 2, 3}


def test_who_comes_later_is_written_whatever_became_of_those_before(numbers):
    group = GroupCommit(write)
    add_together(group, [1, 1, 1])
    group._write = write
    assert group.add(7) == 14
    assert set(rows()) == {1, 7}


def test_a_database_that_is_away_is_told_to_all(numbers):
    group = GroupCommit(write)
    refused = OperationalError("", {}, Exception("gone"))

    def away(connection, items):
        raise refused

    futures = add_together(group, [1])
    group._write = away
    for item in (2, 3):
        with pytest.raises(OperationalError):
            group.add(item)
    assert futures[0].result() == 2
    assert set(rows()) == {1}


def test_large_items_go_in_several_transactions(numbers):
    large = 3 * 1024 * 1024
    futures = add_together(GroupCommit(write), [1, 2, 3, 4], sizes={2: large, 3: large})
    assert [future.result() for future in futures] == [2, 4, 6, 8]
    written = rows()
    assert written[2] != written[3] == written[4]


def test_a_crowd(numbers):
    """Many threads, each with one item after the other: all are there, each answered its own."""
    group = GroupCommit(write)

    def some(thread):
        return [group.add(thread * 100 + i) for i in range(20)]

    with ThreadPoolExecutor(16) as pool:
        answered = list(pool.map(some, range(16)))
    assert answered == [[2 * (thread * 100 + i) for i in range(20)] for thread in range(16)]
    written = rows()
    assert len(written) == 320
    assert not group._waiting
    with read() as connection:
        assert connection.execute(select(func.count()).select_from(text("numbers"))).scalar() == 320
