"""Providers in trouble: over real HTTP against scripted servers, on real Postgres."""

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event, select, text

from kyros_worker import event_loop as loop
from kyros_worker.agent.ask import ask
from kyros_worker.clock import now
from kyros_worker.cost import breakers as breaker_rows
from kyros_worker.cost.breakers import ModelHealth, breakers
from kyros_worker.database import engine, read, transaction
from kyros_worker.dispatch import sweeps
from kyros_worker.event.tables import SystemEvent
from kyros_worker.model.breaker import MOST_FAULTS, PROBE_PAUSE_SECONDS
from kyros_worker.model.catalog import choose_in_order
from kyros_worker.model.tables import BreakerRow
from kyros_worker.submission.tables import Submission
from kyros_worker.task.cancel import cancel_task
from kyros_worker.task.perform import perform
from kyros_worker.task.record import Ended, record
from kyros_worker.task.tables import Task
from tests import factories, webhooks
from tests import scripted_openai as scripted
from tests.kyros_worker.task.test_live_models import GOOD, USED, WHO, good, role_of
from tests.live_models import KEY, configured, on

SPARE = """
[providers.spare]
kind = "openai-compatible"
base_url = "{url}"
api_key_env = "SCRIPTED_KEY"

[prices."local:mine"]
input = 1
output = 2
"""
FIRST_PRICE = """
[prices."spare:first"]
input = 10
output = 20
"""
SECOND_PRICE = """
[prices."spare:second"]
input = 100
output = 200
"""
NAME = "local:mine"


def broken(_):
    return scripted.error(500, "no")


@pytest.fixture
def servers(no_tasks):
    """The model's own server, and that of its fallbacks."""
    with transaction() as connection:
        connection.execute(text("TRUNCATE system_events"))
    with scripted.ScriptedServer(good) as local, scripted.ScriptedServer(good) as spare:
        yield local, spare


@pytest.fixture
def alone(servers, tmp_path):
    """A model without fallbacks."""
    local, spare = servers
    with configured(tmp_path / "alone.toml", on(local.url, tables=SPARE.format(url=spare.url))):
        yield local


@pytest.fixture
def with_fallbacks(servers, tmp_path):
    local, spare = servers
    tables = SPARE.format(url=spare.url) + FIRST_PRICE + SECOND_PRICE
    fallbacks = ("spare:first", "spare:second")
    with configured(tmp_path / "more.toml", on(local.url, fallbacks=fallbacks, tables=tables)):
        yield local, spare


def new():
    """A live task of one role; its submission's id."""
    fields = {"type": "audit", "acceptance_criteria": ["It works"],
              "context": {"files": {"app.py": "old\n"}}}  # fmt: skip
    return factories.create(WHO, **fields)["submission_id"]


def task_of(submission_id):
    return factories.row(Task, factories.row(Submission, submission_id).task_id)


def seconds_until_due(submission_id):
    return (factories.row(Submission, submission_id).due_at - now()).total_seconds()


def row():
    return factories.row(BreakerRow, NAME)


def pause_is_over():
    """As if the time had passed for which it is open."""
    factories.change(BreakerRow, NAME, open_until=BreakerRow.open_until - timedelta(hours=2))


def alerts():
    with read() as connection:
        rows = connection.execute(select(SystemEvent).order_by(SystemEvent.id)).all()
    assert {(one.type, one.mode) for one in rows} <= {("system.alert", "live")}
    return [(one.data["kind"], one.data["model"]) for one in rows]


def open_it(failure=None):
    """Enough faults of different submissions; the last of them may be a failure of one's own."""
    for _ in range(MOST_FAULTS):
        fail(factories.begin(new()), failure=failure)
    assert alerts() == [("provider_down", NAME)]


def fail(work, failure=None):
    return factories.finish(
        work, factories.failed_reply(**({"failure": failure} if failure else {}))
    )


def answer(work):
    """Makes the call that was begun, and records what it gave."""
    reply = loop.run(ask(work.brief, work.model)).result(20)
    assert reply.failure is None
    return factories.finish(work, reply)


def elsewhere(*submission_ids):
    """Performs them in another process, as another worker of the fleet."""
    code = (
        "import sys; from kyros_worker.task.perform import perform\n"
        "for one in sys.argv[1:]: perform(one)"
    )
    subprocess.run([sys.executable, "-c", code, *submission_ids], check=True, timeout=60)


def test_it_opens_and_closes_for_the_whole_fleet(alone):
    alone.script = broken
    ids = [new() for _ in range(MOST_FAULTS)]
    for one in ids[:2]:
        perform(one)
    assert (row().faults, row().open_until, alerts()) == (2, None, [])
    elsewhere(*ids[2:])
    assert alerts() == [("provider_down", NAME)]
    assert (row().openings, row().error_kind) == (1, "server_error")
    asked = len(alone.requests)
    assert asked == MOST_FAULTS
    alone.script = good
    here, there = new(), new()
    perform(here)
    elsewhere(there)
    assert len(alone.requests) == asked, "nobody calls it"
    assert {task_of(one).progress_stage for one in (here, there)} == {"waiting_for_provider"}
    pause_is_over()
    for one in (here, there):
        factories.make_due(one)
    elsewhere(there)
    assert (task_of(there).state, len(alone.requests)) == ("completed", asked + 1)
    assert alerts() == [("provider_down", NAME), ("provider_up", NAME)]
    perform(here)
    assert task_of(here).state == "completed"
    assert len(alerts()) == 2


def test_what_is_not_let_through_waits_as_a_row_and_is_told_once(alone):
    open_it()
    submission_id = new()
    before = task_of(submission_id)
    assert factories.begin(submission_id) is None
    task = task_of(submission_id)
    assert (task.state, task.progress_stage) == ("queued", "waiting_for_provider")
    assert task.progress_message == "Waiting until local:mine can be called again."
    assert (task.deadline_at, task.budget_wait_seconds) == (before.deadline_at, 0)
    waiting = factories.row(Submission, submission_id)
    assert (waiting.state, waiting.tries, waiting.claimed_by) == ("queued", 0, None)
    assert row().open_until <= waiting.due_at <= row().open_until + timedelta(seconds=2)
    assert waiting.publish_at >= waiting.due_at
    types = factories.types(task.id)
    assert types[2:] == ["submission.waiting_for_provider", "task.progress"]
    factories.make_due(submission_id)
    assert factories.begin(submission_id) is None
    assert factories.types(task.id) == types
    assert seconds_until_due(submission_id) > 20
    assert factories.calls(task.id) == []


def test_one_probe_at_a_time(alone):
    open_it()
    pause_is_over()
    ids = [new() for _ in range(20)]
    ready = threading.Barrier(len(ids))

    def claim(submission_id):
        ready.wait()
        return factories.begin(submission_id)

    with ThreadPoolExecutor(len(ids)) as threads:
        works = [one for one in threads.map(claim, ids) if one]
    (probe,) = works
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


def test_a_claim_never_waits_for_a_breaker(alone):
    open_it()
    pause_is_over()
    late = new()
    with engine().begin() as holding:
        holding.execute(select(BreakerRow).with_for_update())
        assert factories.begin(late) is None
    assert task_of(late).progress_stage == "waiting_for_provider"


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


@pytest.mark.parametrize("count", [MOST_FAULTS - 1, 16])
def test_faults_that_are_recorded_at_once_are_all_counted(alone, count):
    works = [factories.begin(new()) for _ in range(count)]
    ready = threading.Barrier(count)

    def record_fault(work):
        ready.wait()
        return fail(work)

    with ThreadPoolExecutor(count) as threads:
        assert all(threads.map(record_fault, works))
    assert row().faults == min(count, MOST_FAULTS)
    assert alerts() == [("provider_down", NAME)] * (count >= MOST_FAULTS)


@pytest.mark.parametrize(
    ("status", "kind"), [(401, "rejected"), (404, "rejected"), (400, "rejected")]
)
def test_a_refusal_says_that_the_provider_answers(alone, status, kind):
    open_row_but_one()
    alone.script = lambda _: scripted.error(status)
    submission_id = new()
    perform(submission_id)
    assert factories.row(Submission, submission_id).error_kind == kind
    assert (row().faults, alerts()) == (0, [])


def test_an_answer_ends_the_row_of_faults(alone):
    for _ in range(3):
        open_row_but_one()
        answer(factories.begin(new()))
        assert row().faults == 0
    assert alerts() == []


def open_row_but_one():
    for _ in range(MOST_FAULTS - 1):
        fail(factories.begin(new()))
    assert row().faults == MOST_FAULTS - 1


@pytest.mark.parametrize(("asked", "seconds"), [("120", 120), ("86400", 3600)])
def test_a_providers_retry_after_is_how_long_it_is_open(alone, asked, seconds):
    alone.script = lambda _: scripted.error(429, "slow", headers={"Retry-After": asked})
    ids = [new() for _ in range(MOST_FAULTS)]
    for one in ids:
        perform(one)
        waiting = factories.row(Submission, one)
        assert (waiting.tries, waiting.error_kind) == (1, "rate_limited")
        assert seconds - 5 < seconds_until_due(one) <= seconds, "it is longer than the pause"
    assert (row().open_until - row().last_fault_at).total_seconds() == seconds
    late = new()
    assert factories.begin(late) is None
    assert seconds - 5 < seconds_until_due(late) <= seconds + 1


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


def test_the_deadline_goes_on_counting(alone):
    open_it()
    submission_id = new()
    assert factories.begin(submission_id) is None
    task_id = task_of(submission_id).id
    factories.change(Task, task_id, deadline_at=now() - timedelta(seconds=1))
    sweeps.deadlines()
    task = factories.row(Task, task_id)
    assert (task.state, "deadline passed" in task.error) == ("failed", True)


def test_the_sandbox_has_no_breaker(no_tasks):
    for _ in range(MOST_FAULTS):
        assert fail(factories.begin(factories.create()["submission_id"]))
    assert factories.begin(factories.create()["submission_id"]) is not None
    with read() as connection:
        assert connection.execute(select(BreakerRow)).all() == []


def test_what_it_costs_healthy_models(alone):
    """One statement a claim, none a record; and nothing is written."""
    texts = []

    def listen(_connection, _cursor, statement, *_):
        texts.append(statement)

    def counted(act, *args):
        texts.clear()
        return act(*args), len(texts)

    # Somebody who is to be told of one of both would make the other one cheaper.
    webhooks.forget()
    rehearsed, live = factories.create(type="audit")["submission_id"], new()
    # What is prepared once is prepared.
    factories.run(factories.create(type="audit")["id"])
    answer(factories.begin(new()))
    event.listen(engine(), "before_cursor_execute", listen)
    try:
        work, claim_rehearsed = counted(factories.begin, rehearsed)
        reply = factories.answer_of(work)
        _, record_rehearsed = counted(factories.finish, work, reply)
        work, claim_live = counted(factories.begin, live)
        reply = loop.run(ask(work.brief, work.model)).result(20)
        _, record_live = counted(factories.finish, work, reply)
    finally:
        event.remove(engine(), "before_cursor_execute", listen)
    assert (claim_live - claim_rehearsed, record_live - record_rehearsed) == (1, 0)
    with read() as connection:
        assert connection.execute(select(BreakerRow)).all() == []


def test_how_each_model_stands(with_fallbacks):
    def told():
        with read() as connection:
            return breakers(connection)

    names = [NAME, "spare:first", "spare:second"]
    assert told() == [ModelHealth(name, "closed") for name in names]
    fail(factories.begin(new()))
    first = told()[0]
    assert (first.state, first.faults, first.error) == ("closed", 1, "The provider failed.")
    for _ in range(MOST_FAULTS - 1):
        fail(factories.begin(new()))
    first = told()[0]
    assert (first.state, first.opened_at, first.open_until) == (
        "open", row().opened_at, row().open_until,
    )  # fmt: skip
    pause_is_over()
    assert [one.state for one in told()] == ["half_open", "closed", "closed"]
    answer(factories.begin(new()))
    assert told() == [ModelHealth(name, "closed") for name in names]
