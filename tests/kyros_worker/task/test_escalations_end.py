"""Whatever happens in whatever order: every escalation ends, and no task waits for ever."""

from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from kyros_worker.audit.actor import Actor
from kyros_worker.auth.subject import Subject
from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.dispatch import sweeps
from kyros_worker.errors import KyrosError
from kyros_worker.escalation.tables import Escalation
from kyros_worker.task.approve import (
    approve_escalation,
    reject_escalation,
    request_escalation,
)
from kyros_worker.task.cancel import cancel_task
from kyros_worker.task.lost import take_from_lost_worker
from kyros_worker.task.record import Ended, record
from kyros_worker.task.reopen import retry_task
from kyros_worker.task.start import Work
from kyros_worker.task.submit import submit_task
from kyros_worker.task.tables import Task
from tests import factories
from tests.live_models import configured

RULES = """
[[rules]]
name = "unsure"
when = {confidence_below = 0.5}
then = "ask"
on_timeout = "accept_best"

[[rules]]
name = "refused"
when = {refused = true, revisions = 1}
then = "escalate"

[[rules]]
name = "failed"
when = {failed_tries = 2}
then = "ask"

[[rules]]
name = "critical"
when = {priority = ["critical"]}
then = "start_on_premium"
"""
DECIDER = Subject("key_2", "test", frozenset({"admin"}))
ENDS = ("completed", "rejected")
FINAL_EVENTS = {"task.completed", "task.failed", "task.cancelled"}
ACTIONS = st.sampled_from([
    "begin", "answer", "answer", "fail", "lose", "request", "approve", "reject", "expire",
    "cancel", "retry", "submit",
])  # fmt: skip
TASKS = st.fixed_dictionaries({
    "priority": st.sampled_from(["medium", "critical"]),
    "type": st.sampled_from(["implementation", "review", "deployment", "audit"]),
    "sandbox": st.sampled_from([
        {}, {"refusals": 2}, {"refusals": 9}, {"confidence": 0.1}, {"economy": {"confidence": 0.3}},
        {"decision": "no_go"}, {"error": "invalid_output", "error_times": 3},
    ]),
})  # fmt: skip


@pytest.fixture
def rules(tmp_path):
    with configured(tmp_path / "rules.toml", RULES):
        yield


def escalations(task_id):
    with read() as connection:
        query = select(*Escalation.__table__.columns).where(Escalation.task_id == task_id)
        return connection.execute(query.order_by(Escalation.id)).all()


class Story:
    """One task, the work that runs on it, and everything that may happen to it."""

    def __init__(self, fields):
        self.task_id = factories.create(**fields)["id"]
        self.work = None

    def step(self, action):
        # What can't be done in this state is refused, and nothing has changed.
        with suppress(KyrosError):
            getattr(self, action)()

    def begin(self):
        task = factories.row(Task, self.task_id)
        if self.work is None and task.state in ("queued", "running"):
            factories.make_due(task.submission_id)
            self.work = factories.begin(task.submission_id)

    def answer(self):
        self._end(None)

    def fail(self):
        self._end(factories.failed_reply())

    def lose(self):
        if self.work is not None and factories.row(Task, self.task_id).state == "running":
            with suppress(TypeError):
                factories.expire(self.work.submission_id)
            with transaction() as connection:
                take_from_lost_worker(connection, self.task_id, self.work.submission_id)
        self.work = None

    def request(self):
        with transaction() as connection:
            request_escalation(
                connection, self.task_id, DECIDER, reason="why not", priority=None,
                request_id="req_1",
            )  # fmt: skip

    def approve(self):
        self._decide(approve_escalation)

    def reject(self):
        self._decide(reject_escalation)

    def expire(self):
        for one in self._requested():
            factories.change(Escalation, one.id, due_at=now() - timedelta(seconds=1))
        sweeps.undecided()

    def cancel(self):
        with transaction() as connection:
            cancel_task(connection, self.task_id, "test")

    def retry(self):
        with transaction() as connection:
            retry_task(connection, self.task_id, "test", "req_2")

    def submit(self):
        with transaction() as connection:
            submit_task(connection, self.task_id, "critic", {}, mode="test", request_id="req_3")

    def to_the_end(self):
        """Nobody decides any more; the workers go on until nothing is left to do."""
        self.answer()
        for _ in range(60):
            self.step("expire")
            if factories.row(Task, self.task_id).state not in ("queued", "running"):
                break
            self.begin()
            self.answer()

    def _end(self, reply):
        work, self.work = self.work, None
        if work is not None:
            with transaction() as connection:
                ended = Ended(work, reply or factories.answer_of(work))
                (recorded,) = record(connection, [ended])
            # An answer that is not valid is asked again within the same claim.
            self.work = recorded if isinstance(recorded, Work) else None

    def _requested(self):
        return [one for one in escalations(self.task_id) if one.status == "requested"]

    def _decide(self, decide):
        for one in self._requested():
            with transaction() as connection:
                decide(connection, one.id, DECIDER, Actor(DECIDER.id), None)


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(fields=TASKS, actions=st.lists(ACTIONS, max_size=14))
def test_everything_ends(no_tasks, rules, fields, actions):
    story = Story(fields)
    for action in actions:
        story.step(action)
    story.to_the_end()
    task = factories.row(Task, story.task_id)
    assert task.state in ("completed", "failed", "cancelled")
    assert task.escalation_id is None
    found = escalations(story.task_id)
    assert all(one.status in ENDS for one in found)
    types = factories.types(story.task_id)
    for one in found:
        told = [e.type for e in factories.events(story.task_id) if e.data.get("id") == one.id]
        assert told[0] == "escalation.requested"
        assert told[-1] == f"escalation.{one.status}"
        assert (len(told), "escalation.approved" in told) in ((2, False), (3, True))
    assert sum(one in FINAL_EVENTS for one in types) == task.run
    calls = factories.calls(story.task_id)
    assert task.cost_usd == sum((call.cost_usd or Decimal(0) for call in calls), Decimal(0))
    assert all(call.state != "started" for call in calls)
