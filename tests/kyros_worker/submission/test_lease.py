"""The keeper of a process's leases."""

import threading

import pytest
from sqlalchemy.exc import OperationalError

from kyros_worker.database import transaction
from kyros_worker.submission import lease
from kyros_worker.submission.claim import end
from kyros_worker.submission.tables import Submission
from tests import factories


@pytest.fixture
def keeper(monkeypatch):
    """A keeper that checks as fast as it can."""
    monkeypatch.setattr(lease, "_TICK_SECONDS", 0.02)
    made = lease.LeaseKeeper()
    yield made
    made._held.clear()


@pytest.fixture
def work(no_tasks):
    return factories.begin(factories.create()["submission_id"])


def hold(keeper, work):
    aborted = threading.Event()
    keeper.hold((work.submission_id, work.claim), aborted.set)
    return aborted


def cancel(work):
    with transaction() as connection:
        end(connection, work.submission_id, "cancelled")


def test_a_lost_claim_aborts_its_call(keeper, work):
    other = factories.begin(factories.create()["submission_id"])
    aborted, kept = hold(keeper, work), hold(keeper, other)
    cancel(work)
    assert aborted.wait(20)
    assert not kept.is_set()


def test_leases_are_renewed(keeper, work):
    keeper.hold((work.submission_id, work.claim), lambda: None)
    factories.expire(work.submission_id)
    expired = factories.row(Submission, work.submission_id).lease_expires_at
    keeper._check(renewing=False)
    assert factories.row(Submission, work.submission_id).lease_expires_at == expired
    keeper._check(renewing=True)
    assert factories.row(Submission, work.submission_id).lease_expires_at > expired


def test_what_was_dropped_is_not_aborted(keeper, work):
    aborted = hold(keeper, work)
    keeper.drop((work.submission_id, work.claim))
    keeper.drop((work.submission_id, work.claim))
    cancel(work)
    keeper._check(renewing=True)
    keeper.stop()
    assert not aborted.is_set()


def test_a_shutdown_aborts_all_and_whatever_comes_later(keeper, work):
    aborted = hold(keeper, work)
    assert not keeper.stopping
    keeper.stop()
    assert keeper.stopping
    assert aborted.is_set()
    assert hold(keeper, work).is_set()
    keeper.wait_for_stop(60)


@pytest.mark.parametrize(
    "error", [OperationalError("SELECT 1", {}, Exception("gone")), ValueError("a bug")]
)
def test_while_postgres_is_away_nothing_is_aborted(keeper, work, monkeypatch, error):
    asked = threading.Semaphore(0)

    def away(*_):
        asked.release()
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(lease.claim, "still_held", away)
        aborted = hold(keeper, work)
        for _ in range(3):
            assert asked.acquire(timeout=20)
        assert not aborted.is_set()
    cancel(work)
    assert aborted.wait(20)
