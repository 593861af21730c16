"""The one call by which it is tried whether a provider answers again."""

from decimal import Decimal

import pytest

from kyros_worker.cost import breakers as breaker_rows
from kyros_worker.database import engine, transaction
from kyros_worker.dispatch import sweeps
from kyros_worker.model.breaker import PROBE_PAUSE_SECONDS
from kyros_worker.model.catalog import choose_in_order
from kyros_worker.task.cancel import cancel_task
from kyros_worker.task.record import Ended, record
from tests import factories
from tests.at_once import at_once
from tests.kyros_worker.task.outage import (
    NAME,
    alerts,
    alone,
    answer,
    fail,
    new,
    open_it,
    pause_is_over,
    row,
    seconds_until_due,
    servers,
)

__all__ = ["alone", "servers"]


def test_one_probe_at_a_time(alone):
    open_it()
    pause_is_over()
    ids = [new() for _ in range(20)]
    (probe,) = [one for one in at_once(factories.begin, ids) if one]
    assert row().probe_call_id == probe.call_id
    pauses = [seconds_until_due(one) for one in ids if one != probe.submission_id]
    assert all(PROBE_PAUSE_SECONDS - 5 < pause <= PROBE_PAUSE_SECONDS for pause in pauses)
    answer(probe)
    assert alerts()[-1] == ("provider_up", NAME)
    assert all(factories.begin(new()) for _ in range(2))


def test_who_read_it_before_another_took_the_probe_is_too_late(alone):
    open_it()
    pause_is_over()
    models = choose_in_order("implementer", "economy", "live")
    with engine().begin() as late, engine().begin() as first:
        seen = breaker_rows.read(late)
        assert breaker_rows.read(first).first_through(models, "call_1") == models[0]
        first.commit()
        assert seen.first_through(models, "call_2") is None
        assert seen.pause(models) == PROBE_PAUSE_SECONDS
    assert row().probe_call_id == "call_1"


def test_of_one_claim_one_is_the_probe(alone):
    open_it()
    pause_is_over()
    from kyros_worker.task.start import start

    with transaction() as connection:
        works = start(connection, [new() for _ in range(5)], factories.WORKER)
    assert [one is not None for one in works] == [True, False, False, False, False]


def test_a_failed_probe_opens_for_longer_and_is_not_told_again(alone):
    open_it()
    for openings, seconds in ((2, 60), (3, 120)):
        pause_is_over()
        fail(factories.begin(new()))
        assert row().openings == openings
        assert (row().open_until - row().last_fault_at).total_seconds() == seconds
    assert alerts() == [("provider_down", NAME)]


def end_by_death(work):
    factories.expire(work.submission_id)
    sweeps.expired_leases()


def end_by_cancelling(work):
    with transaction() as connection:
        cancel_task(connection, work.task_id, "live")


def end_by_shutdown(work):
    with transaction() as connection:
        assert record(connection, [Ended(work, None)]) == ["given back"]


@pytest.mark.parametrize("end", [end_by_death, end_by_cancelling, end_by_shutdown])
def test_a_probe_that_tells_nothing_makes_room_for_the_next(alone, end):
    open_it()
    pause_is_over()
    probe = factories.begin(new())
    assert factories.begin(new()) is None
    end(probe)
    second = factories.begin(new())
    assert second is not None
    assert factories.begin(new()) is None
    # The first comes back: it is the probe no more.
    factories.finish(probe, factories.failed_reply())
    assert row().openings == 1
    answer(second)
    assert alerts()[-1] == ("provider_up", NAME)


def test_a_probe_that_no_budget_has_room_for_is_none(alone, monkeypatch):
    from kyros_worker.cost.limits import Refusal

    open_it()
    pause_is_over()
    refused = [Refusal("task", Decimal(1), Decimal(1), Decimal(1))]
    monkeypatch.setattr(
        "kyros_worker.task.budget.task_refusal", lambda *_: refused.pop() if refused else None
    )
    assert factories.begin(new()) is None
    assert factories.begin(new()) is not None
