"""The ledger: a call is opened once, settled once, and its cost is exact."""

from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from kyros_worker.bulk import Writes
from kyros_worker.clock import now
from kyros_worker.cost.ledger import (
    SHOWN,
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
    """The call as it is shown when it has been settled."""
    with transaction() as connection:
        call = connection.execute(select(*SHOWN).where(ModelCall.id == call_id)).mappings().one()
        writes = Writes()
        settled = settle_call(writes, call, settlement, now())
        writes.execute(connection)
        assert (
            connection.execute(select(*SHOWN).where(ModelCall.id == call_id)).mappings().one()
            == settled
        )
    return settled


def test_a_call_of_a_claim_is_opened_once(work):
    writes = Writes()
    open_call(writes, new_call(work, number=1), now())
    with pytest.raises(IntegrityError), transaction() as connection:
        writes.execute(connection)


def test_settled(work):
    assert settle(work.call_id)["cost_usd"] == Decimal("0.00000475")
    call = factories.row(ModelCall, work.call_id)
    assert (call.state, call.input_tokens, call.answer) == ("completed", 3, "{}")
    assert call.prompt


@pytest.mark.parametrize("state", ["aborted", "lost"])
def test_the_state_of_a_call_whose_lease_was_taken_stays(work, state):
    with transaction() as connection:
        (ended,) = end_calls(connection, work.submission_id, state, now())
        assert end_calls(connection, work.submission_id, "aborted", now()) == []
    assert shown(ended)["state"] == state
    assert ended["cost_usd"] == ended["reserved_usd"] > USED.cost_usd
    assert shown(ended)["estimated"] is True
    settled = settle(work.call_id)
    assert settled["estimated"] is False
    assert (settled["state"], settled["cost_usd"]) == (state, USED.cost_usd)


def test_ended_calls(work):
    with read() as connection:
        assert ended_calls(connection, [work.task_id]) == []
    settle(work.call_id)
    with read() as connection:
        (call,) = ended_calls(connection, [work.task_id])
    assert (call["role"], call["tier"]) == ("implementer", "economy")


def test_shown_has_no_text_of_anybody(work):
    told = shown(settle(work.call_id))
    assert told["call_id"] == work.call_id
    assert told["cost_usd"] == 0.00000475
    assert not {"prompt", "answer", "id"} & told.keys()
