"""Heartbeats of workers."""

from datetime import timedelta

import pytest
from psycopg2 import OperationalError as PsycopgError
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError

from kyros_worker.database import read, transaction
from kyros_worker.dispatch import sweeps
from kyros_worker.fleet import heartbeat
from kyros_worker.fleet.heartbeat import Heartbeat, live_workers
from kyros_worker.fleet.tables import Worker
from tests.eventually import eventually

NAME = "critic@machine-7"
NOBODY = {"implementer": 0, "critic": 0, "integrator": 0, "webhooks": 0}


def workers():
    with read() as connection:
        return connection.execute(select(Worker).order_by(Worker.name)).all()


def live():
    with read() as connection:
        return live_workers(connection)


def unseen_for(seconds, name=NAME):
    with transaction() as connection:
        connection.execute(
            update(Worker)
            .where(Worker.name == name)
            .values(seen_at=func.now() - timedelta(seconds=seconds))
        )


@pytest.fixture
def beating(nobody_works, monkeypatch):
    monkeypatch.setattr(heartbeat, "_BEAT_SECONDS", 0.05)
    made = []

    def start(name=NAME):
        made.append(Heartbeat(name))
        made[-1].start()
        eventually(lambda: any(one.name == name for one in workers()), 10, "its row is there")
        return made[-1]

    yield start
    for one in made:
        one.stop()


def test_a_worker_is_there_until_it_stops(beating):
    assert live() == NOBODY
    first, second = beating(), beating("critic@machine-8")
    assert live() == NOBODY | {"critic": 2}
    assert [one.role for one in workers()] == ["critic", "critic"]
    second.stop()
    assert [one.name for one in workers()] == [NAME]
    first.stop()
    assert live() == NOBODY


def test_it_beats_again_and_again(beating):
    beating()
    (first,) = workers()
    eventually(lambda: workers()[0].seen_at > first.seen_at, 10, "it beats again")
    assert workers()[0].started_at == first.started_at


def test_another_process_under_the_same_name_is_a_new_worker(beating):
    beating().stop()
    unseen_for(1)
    old = Heartbeat(NAME)
    with transaction() as connection:
        old._beat(connection)
    new = Heartbeat(NAME)
    with transaction() as connection:
        new._beat(connection)
    (found,) = workers()
    assert found.started_at == new._started_at > old._started_at


@pytest.mark.parametrize(
    "fault", [OperationalError("", {}, PsycopgError("gone")), ValueError("a bug")]
)
def test_it_survives_faults(beating, monkeypatch, fault, caplog):
    beating()
    faults = []

    def broken():
        faults.append(fault)
        raise fault

    with monkeypatch.context() as patched:
        patched.setattr(heartbeat, "transaction", broken)
        eventually(lambda: len(faults) >= 2, 10, "two beats have failed")
    (before,) = workers()
    eventually(lambda: workers()[0].seen_at > before.seen_at, 10, "it beats again")
    assert ("a bug" in caplog.text) == isinstance(fault, ValueError)


@pytest.mark.parametrize(
    ("seconds", "counts", "is_kept"), [(13, 1, True), (17, 0, True), (58, 0, True), (61, 0, False)]
)
def test_who_is_not_seen_any_more(nobody_works, seconds, counts, is_kept):
    with transaction() as connection:
        Heartbeat(NAME)._beat(connection)
        Heartbeat("integrator@b-1")._beat(connection)
    unseen_for(seconds)
    assert live() == NOBODY | {"critic": counts, "integrator": 1}
    sweeps.lost_workers()
    assert (NAME in {one.name for one in workers()}) == is_kept
    assert live()["integrator"] == 1


def test_the_pool_beats_under_the_workers_name(nobody_works):
    from kyros_worker.task.pool import Pool

    pool = Pool(1, initargs=(None, "integrator@machine-9"))
    pool.start()
    eventually(lambda: live()["integrator"] == 1, 10, "it is told as live")
    assert workers()[0].name == "integrator@machine-9"
    pool.stop()
    assert workers() == []
