"""The ledger: a call is opened once, settled once, and its cost is exact."""

from decimal import Decimal

import pytest
from sqlalchemy.exc import IntegrityError

from kyros_worker.clock import now
from kyros_worker.cost.ledger import (
    Settlement,
    end_calls,
    ended_calls,
    open_call,
    settle_call,
    shown,
)
from kyros_worker.cost.tables import ModelCall
from kyros_worker.database import read, transaction
from kyros_worker.task.start import new_call
from tests import factories

USED = Settlement(
    "completed", 1.5, input_tokens=3, output_tokens=2, cost_usd=Decimal("0.00000475"), answer="{}"
)


@pytest.fixture
def work(no_tasks):
    return factories.begin(factories.create()["submission_id"])


def settle(call_id, settlement=USED):
    with transaction() as connection:
        return settle_call(connection, call_id, settlement, now())


def test_a_call_of_a_claim_is_opened_once(work):
    again = new_call(work, number=1)
    with pytest.raises(IntegrityError), transaction() as connection:
        open_call(connection, again, now())


def test_settled_once(work):
    assert settle(work.call_id)["cost_usd"] == Decimal("0.00000475")
    before = factories.row(ModelCall, work.call_id)
    assert (before.state, before.input_tokens, before.answer) == ("completed", 3, "{}")
    assert settle(work.call_id) is None
    assert settle("call_0000000000000") is None
    assert factories.row(ModelCall, work.call_id) == before


@pytest.mark.parametrize("state", ["aborted", "lost"])
def test_the_state_of_a_call_whose_lease_was_taken_stays(work, state):
    with transaction() as connection:
        (ended,) = end_calls(connection, work.submission_id, state, now())
        assert end_calls(connection, work.submission_id, "aborted", now()) == []
    assert shown(ended)["state"] == state
    assert shown(ended)["cost_usd"] is None
    settled = settle(work.call_id)
    assert (settled["state"], settled["cost_usd"]) == (state, USED.cost_usd)
    assert settle(work.call_id) is None


def test_ended_calls(work):
    with read() as connection:
        assert ended_calls(connection, work.task_id) == []
    settle(work.call_id)
    with read() as connection:
        (call,) = ended_calls(connection, work.task_id)
    assert (call["role"], call["tier"]) == ("implementer", "economy")


def test_shown_has_no_text_of_anybody(work):
    told = shown(settle(work.call_id))
    assert told["call_id"] == work.call_id
    assert told["cost_usd"] == 0.00000475
    assert not {"prompt", "answer", "id"} & told.keys()
