"""Which model is called while another's provider is in trouble, over real HTTP."""

import json
from datetime import timedelta
from decimal import Decimal

from kyros_worker.clock import now
from kyros_worker.database import transaction
from kyros_worker.model.breaker import MOST_FAULTS
from kyros_worker.model.tables import BreakerRow
from kyros_worker.submission.tables import Submission
from kyros_worker.task.perform import perform
from tests import factories
from tests import scripted_openai as scripted
from tests.kyros_worker.task.good_answers import GOOD, USED, good, role_of
from tests.kyros_worker.task.outage import (
    FIRST_PRICE,
    NAME,
    SPARE,
    alerts,
    broken,
    fail,
    new,
    open_it,
    pause_is_over,
    row,
    servers,
    task_of,
    with_fallbacks,
)
from tests.live_models import KEY, configured, on

__all__ = ["servers", "with_fallbacks"]

PREMIUM = """
[models.premium]
model = "local:big"
fallbacks = ["spare:first"]

[prices."local:big"]
input = 5
output = 10

[[rules]]
name = "premium-at-once"
when = {type = ["audit"]}
then = "start_on_premium"
"""


def told_calls(task_id):
    told = [one for one in factories.events(task_id) if one.type.startswith("call.")]
    return [
        (one.type, f"{one.data['provider']}:{one.data['model']}", one.data["error_kind"])
        for one in told
    ]


def test_fallbacks_are_asked_in_order_after_a_fault(with_fallbacks):
    local, spare = with_fallbacks
    local.script = broken
    spare.script = lambda request: (
        scripted.error(503) if request.body["model"] == "first" else good(request)
    )
    submission_id = new()
    for tries in range(3):
        factories.make_due(submission_id)
        assert factories.row(Submission, submission_id).tries == tries
        perform(submission_id)
    task = task_of(submission_id)
    assert told_calls(task.id) == [
        ("call.failed", NAME, "server_error"),
        ("call.failed", "spare:first", "server_error"),
        ("call.completed", "spare:second", None),
    ]
    assert [request.headers["authorization"] for request in spare.requests] == [f"Bearer {KEY}"] * 2
    assert task.state == "completed"
    # 1000 tokens in and 100 out, at the price of the one that answered.
    assert task.cost_usd == Decimal("0.12")
    assert [call.cost_usd for call in factories.calls(task.id)] == [0, 0, Decimal("0.12")]


def test_after_the_last_in_order_comes_the_first(with_fallbacks):
    _, spare = with_fallbacks
    open_it()
    spare.script = broken
    submission_id = new()
    for _ in range(2):
        perform(submission_id)
        factories.make_due(submission_id)
    pause_is_over()
    perform(submission_id)
    task = task_of(submission_id)
    assert [name for _, name, _ in told_calls(task.id)] == ["spare:first", "spare:second", NAME]
    assert (task.state, alerts()[-1]) == ("completed", ("provider_up", NAME))


def test_an_unfit_answer_is_no_reason_to_ask_another(with_fallbacks):
    local, spare = with_fallbacks
    local.script = lambda _: scripted.chat("nonsense", usage=USED)
    submission_id = new()
    perform(submission_id)
    local.script = good
    factories.make_due(submission_id)
    perform(submission_id)
    assert {name for _, name, _ in told_calls(task_of(submission_id).id)} == {NAME}
    assert spare.requests == []


def test_while_it_is_open_the_next_is_called_at_once(with_fallbacks):
    local, spare = with_fallbacks
    open_it()
    submission_id = new()
    perform(submission_id)
    task = task_of(submission_id)
    assert task.state == "completed"
    assert told_calls(task.id) == [("call.completed", "spare:first", None)]
    assert local.requests == []
    assert json.loads(factories.calls(task.id)[0].answer) == GOOD[role_of(spare.requests[0])]


def test_when_all_are_open_it_waits_for_the_earliest(with_fallbacks):
    open_it()
    for number, name in enumerate(("spare:first", "spare:second")):
        with transaction() as connection:
            until = row().open_until - timedelta(seconds=15) * number
            values = {"faults": 5, "openings": 1, "open_until": until, "opened_at": until}
            connection.execute(BreakerRow.__table__.insert().values(id=name, **values))
    submission_id = new()
    assert factories.begin(submission_id) is None
    task = task_of(submission_id)
    assert task.progress_message.startswith(
        "Waiting until local:mine or spare:first or spare:second can"
    )
    due = factories.row(Submission, submission_id).due_at
    assert abs((row().open_until - due).total_seconds() - 15) < 2


def test_premium_work_has_the_fallbacks_of_its_tier(servers, tmp_path):
    local, spare = servers
    local.script = broken
    tables = PREMIUM + SPARE.format(url=spare.url) + FIRST_PRICE
    with configured(tmp_path / "premium.toml", on(local.url, tables=tables)):
        submission_id = new()
        perform(submission_id)
        factories.make_due(submission_id)
        perform(submission_id)
        task = task_of(submission_id)
    assert told_calls(task.id) == [
        ("call.failed", "local:big", "server_error"),
        ("call.completed", "spare:first", None),
    ]
    assert (task.state, task.model_tier) == ("completed", "premium")
    assert task.cost_usd == Decimal("0.012")


def test_premium_work_that_is_not_let_through_is_asked_for_when_it_begins(servers, tmp_path):
    local, spare = servers
    premium = PREMIUM.replace('["spare:first"]', "[]")
    tables = premium + SPARE.format(url=spare.url)
    with configured(tmp_path / "premium.toml", on(local.url, tables=tables)):
        for _ in range(MOST_FAULTS):
            fail(factories.begin(new()))
        assert alerts() == [("provider_down", "local:big")]
        submission_id = new()
        assert factories.begin(submission_id) is None
        task = task_of(submission_id)
        assert task.progress_message == "Waiting until local:big can be called again."
        assert (task.escalated, factories.types(task.id).count("escalation.requested")) == (
            False,
            0,
        )
        factories.change(BreakerRow, "local:big", open_until=now())
        factories.make_due(submission_id)
        perform(submission_id)
        assert task_of(submission_id).state == "completed"
        assert factories.types(task.id).count("escalation.requested") == 1
    assert alerts()[-1] == ("provider_up", "local:big")
