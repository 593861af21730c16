"""Whatever happens in whatever order: nothing is lost, and the order of a task holds."""

from collections import defaultdict

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kyros_worker.audit.actor import SYSTEM
from kyros_worker.bulk import Writes
from kyros_worker.clock import now
from kyros_worker.database import transaction
from kyros_worker.ids import new_id
from kyros_worker.webhook.endpoints import change_webhook, redeliver, replay
from kyros_worker.webhook.fan_out import Fact, add_deliveries, find_subscribers
from kyros_worker.webhook.schemas import ChangedWebhook
from tests import webhooks
from tests.factories import WHO

TASKS = ("task_1", "task_2")
STATUSES = (200, 204, 301, 404, 429, 500, None, 410)

numbers = st.integers(0, 30)
once = [
    st.tuples(st.just("happen"), st.sampled_from(TASKS)),
    st.tuples(st.just("claim"), st.integers(1, 4)),
    st.tuples(st.just("answer"), numbers, st.sampled_from(STATUSES)),
    st.tuples(st.just("die"), numbers),
    st.tuples(st.just("wait")),
    st.tuples(st.just("enable"), st.booleans()),
]
again = [st.tuples(st.just("redeliver"), numbers), st.tuples(st.just("replay"))]


class Story:
    """One endpoint; `claimed` are attempts whose answer is still to come."""

    def __init__(self):
        self.endpoint = webhooks.webhook("task.*")["id"]
        self.began = now()
        self.claimed, self.taken = [], []
        self.seqs = dict.fromkeys(TASKS, 0)

    def happen(self, task_id):
        self.seqs[task_id] += 1
        at = now()
        event_id, seq = new_id("evt", at), self.seqs[task_id]
        fact = Fact(event_id, "task.started", {"id": task_id}, at, task_id, seq)
        with transaction() as connection:
            writes = Writes()
            add_deliveries(writes, find_subscribers(connection), [(fact, WHO.mode)])
            writes.execute(connection)

    def claim(self, most):
        self.claimed += webhooks.claim(self.endpoint, most=most)

    def answer(self, number, status):
        if not self.claimed:
            return
        row = self.claimed.pop(number % len(self.claimed))
        if status is not None and status < 300:
            self.taken.append(row["event_id"])
        webhooks.record(webhooks.attempted(row, status, error=None if status else "cut"))

    def die(self, number):
        """Who held a claim is gone; the endpoint may have taken it."""
        if self.claimed:
            self.claimed.pop(number % len(self.claimed))
            webhooks.make_due(self.endpoint)

    def wait(self):
        webhooks.make_due(self.endpoint)

    def enable(self, enabled):
        with transaction() as connection:
            change_webhook(
                connection, self.endpoint, ChangedWebhook(enabled=enabled), WHO.mode, SYSTEM
            )

    def redeliver(self, number):
        rows = webhooks.deliveries(self.endpoint)
        if rows:
            with transaction() as connection:
                redeliver(connection, self.endpoint, rows[number % len(rows)].id, WHO.mode)

    def replay(self):
        with transaction() as connection:
            replay(connection, self.endpoint, self.began, WHO.mode, SYSTEM)

    def end(self):
        """The endpoint is well again, and all that was claimed is answered."""
        while self.claimed:
            self.answer(0, 200)
        self.enable(enabled=True)
        for _ in range(sum(self.seqs.values()) + 2):
            self.wait()
            self.claim(100)
            while self.claimed:
                self.answer(0, 200)


def told(actions):
    """Plays a story to its good end; gives it, and its deliveries by task in their order."""
    webhooks.forget()
    story = Story()
    for name, *values in actions:
        getattr(story, name)(*values)
    story.end()
    by_task = defaultdict(list)
    for row in sorted(webhooks.deliveries(story.endpoint), key=lambda row: row.seq):
        by_task[row.task_id].append(row)
    return story, by_task


bounded = settings(
    max_examples=100,
    suppress_health_check=list(HealthCheck),
)


@given(st.lists(st.one_of(*once, *again), max_size=30))
@bounded
def test_every_event_is_delivered(actions):
    story, by_task = told(actions)
    assert {task: len(by_task[task]) for task in TASKS} == story.seqs
    for row in (row for rows in by_task.values() for row in rows):
        statuses = [one.status_code for one in webhooks.attempts(row.id)]
        assert row.state == "delivered"
        assert row.attempts == len(statuses)
        assert any(status in (200, 204) for status in statuses)


@given(st.lists(st.one_of(*once), min_size=6, max_size=30))
@bounded
def test_the_events_of_a_task_arrive_in_their_order(actions):
    story, by_task = told(actions)
    for rows in by_task.values():
        first = [story.taken.index(row.event_id) for row in rows]
        assert first == sorted(first)
