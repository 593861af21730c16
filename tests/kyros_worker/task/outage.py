"""A provider in trouble: its scripted servers, the models on them, and what happens to one."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from kyros_worker import event_loop as loop
from kyros_worker.agent.ask import ask
from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.event.tables import SystemEvent
from kyros_worker.model.breaker import MOST_FAULTS
from kyros_worker.model.tables import BreakerRow
from kyros_worker.submission.tables import Submission
from kyros_worker.task.tables import Task
from tests import factories
from tests import scripted_openai as scripted
from tests.kyros_worker.task.good_answers import WHO, good
from tests.live_models import configured, on

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


def open_it():
    """Enough faults of different submissions."""
    for _ in range(MOST_FAULTS):
        fail(factories.begin(new()))
    assert alerts() == [("provider_down", NAME)]


def fail(work):
    return factories.finish(work, factories.failed_reply())


def answer(work):
    """Makes the call that was begun, and records what it gave."""
    reply = loop.run(ask(work.brief, work.model)).result(20)
    assert reply.failure is None
    return factories.finish(work, reply)
