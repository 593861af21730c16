"""Whole jobs with live models: over real HTTP against a scripted server, on real Postgres."""

import json
import threading
import time
from decimal import Decimal

import pytest

from kyros_worker.database import transaction
from kyros_worker.errors import InvalidError
from kyros_worker.submission.tables import Submission
from kyros_worker.task.cancel import cancel_task
from kyros_worker.task.create import create_tasks
from kyros_worker.task.perform import perform
from kyros_worker.task.schemas import NewTask
from kyros_worker.task.tables import Task
from tests import factories
from tests import scripted_openai as scripted
from tests.kyros_worker.task.good_answers import DIFF, GOOD, USED, WHO, good, role_of
from tests.live_models import configured, on

PRICE = '[prices."local:mine"]\ninput = 1\noutput = 2\n'


def first(*scripts):
    """These for the first requests, then good answers."""
    left = list(scripts)
    return lambda request: left.pop(0)(request) if left else good(request)


@pytest.fixture
def server(no_tasks, tmp_path):
    with (
        scripted.ScriptedServer(good) as running,
        configured(tmp_path / "kyros.toml", on(running.url, tables=PRICE)),
    ):
        yield running


def new(**fields):
    task = NewTask(
        title="Put new for old", acceptance_criteria=["It works"],
        context={"files": {"app.py": "old\n"}}, **fields,
    )  # fmt: skip
    with transaction() as connection:
        return create_tasks(connection, [task], WHO, "req_1")[0]["id"]


def work_on(task_id):
    while (task := factories.row(Task, task_id)).state in ("queued", "running"):
        factories.make_due(task.submission_id)
        perform(task.submission_id)
    return task


def test_a_task_through_all_roles(server):
    task = work_on(new())
    assert task.state == "completed"
    assert task.result["changes"] == [GOOD["implementer"]["changes"][0] | {"content": None}]
    assert [role_of(request) for request in server.requests] == list(GOOD)
    assert task.cost_usd == Decimal("0.0036")
    for call in factories.calls(task.id):
        assert (call.provider, call.model, call.mode) == ("local", "mine", "live")
        assert (call.input_tokens, call.output_tokens, call.unpriced) == (1000, 100, None)
        assert (call.cache_read_tokens, call.reasoning_tokens) == (400, 30)
        assert f"You are the {call.role}" in call.prompt
        assert json.loads(call.answer) == GOOD[call.role]
        assert call.latency_seconds > 0


def unfit(_):
    return scripted.chat('{"summary": "no form"}', usage=USED)


@pytest.mark.parametrize(("times", "state", "calls"), [(1, "completed", 4), (2, "completed", 5),
                                                       (6, "failed", 6)])  # fmt: skip
def test_an_unfit_answer_is_asked_again_with_what_was_wrong(server, times, state, calls):
    server.script = first(*[unfit] * times)
    task = work_on(new())
    made = factories.calls(task.id)
    assert (task.state, len(made)) == (state, calls)
    assert made[0].error_kind == "invalid_output"
    asked_again = server.requests[1].body["messages"][-1]["content"]
    assert "was not accepted" in asked_again
    assert "changes: Field required" in asked_again
    assert task.cost_usd == sum(call.cost_usd for call in made) == Decimal("0.0012") * calls


def test_a_diff_against_an_unseen_file_is_refused_and_asked_again(server):
    change = {"path": "other.py", "action": "modify", "diff": DIFF}
    guess = GOOD["implementer"] | {"changes": [change]}
    server.script = first(lambda _: scripted.chat(json.dumps(guess), usage=USED))
    task = work_on(new(files_to_modify=["other.py"]))
    assert task.state == "completed"
    sent = server.requests[1].body["messages"][-1]["content"]
    assert "the text of other.py was not shown" in sent
    assert task.result["changes"][0]["path"] == "app.py"


def test_a_rate_limit_waits_as_long_as_the_provider_asks(server):
    server.script = first(lambda _: scripted.error(429, "slow", headers={"Retry-After": "120"}))
    task_id = new()
    submission_id = factories.row(Task, task_id).submission_id
    perform(submission_id)
    waiting = factories.row(Submission, submission_id)
    assert (waiting.state, waiting.tries, waiting.error_kind) == ("queued", 1, "rate_limited")
    assert 110 < (waiting.due_at - waiting.started_at).total_seconds() < 180
    assert work_on(task_id).state == "completed"


@pytest.mark.parametrize(("status", "words"), [
    (401, "The provider refused the credentials: 401 no"),
    (404, "The provider does not have the model: 404 no"),
])  # fmt: skip
def test_what_no_try_can_help_fails_at_once(server, status, words):
    server.script = lambda _: scripted.error(status)
    task = work_on(new())
    assert (task.state, task.error) == ("failed", f"{words}.")
    assert len(server.requests) == 1
    assert factories.events(task.id)[-3].data["error"] == words


def test_an_answer_cut_at_its_limit_is_not_paid_twice(server):
    server.script = lambda _: scripted.chat('{"summary": "…', finish="length", usage=USED)
    task = work_on(new())
    assert task.state == "failed"
    assert "output_tokens" in task.error
    assert len(server.requests) == 1


def test_no_usage_counts_at_the_reservation_and_is_marked(server):
    server.script = lambda request: scripted.chat(json.dumps(GOOD[role_of(request)]))
    task = work_on(new())
    reserved = [call.reserved_usd for call in factories.calls(task.id)]
    assert (task.state, task.cost_usd) == ("completed", sum(reserved))
    assert min(reserved) > 900 * Decimal(2) / 10**6, "the whole output and a prompt"
    told = [event.data for event in factories.events(task.id) if event.type == "call.completed"]
    assert [(one["cost_usd"], one["estimated"], one["input_tokens"]) for one in told] == [
        (float(amount), True, None) for amount in reserved
    ]


@pytest.mark.parametrize("seconds", [10, pytest.param(2, marks=pytest.mark.long)])
def test_cancelling_ends_the_call_within_two_seconds(server, seconds):
    """On a machine that does nothing else; a busy one has ten."""
    server.script = lambda _: scripted.chat("x" * 100, pieces=100, pause=1)
    task_id = new()
    working = threading.Thread(target=perform, args=(factories.row(Task, task_id).submission_id,))
    working.start()
    server.wait_until(lambda: bool(server.requests))
    began = time.monotonic()
    with transaction() as connection:
        cancel_task(connection, task_id, "live")
    server.wait_until(lambda: server.requests[0].left is not None)
    assert server.requests[0].left - began < seconds
    working.join(20)
    (call,) = factories.calls(task_id)
    assert (call.state, call.cost_usd, call.unpriced) == ("aborted", call.reserved_usd, None)
    assert call.estimated
    assert factories.row(Task, task_id).cost_usd == call.reserved_usd > 0


def test_work_whose_model_was_taken_out_of_the_configuration_fails_with_the_reason(
    server, tmp_path
):
    task_id = new()
    with configured(tmp_path / "empty.toml", "", KYROS_RETRY_PAUSE_SECONDS="0"):
        with pytest.raises(InvalidError, match="KYROS_CONFIG"):
            new()
        task = work_on(task_id)
    assert task.state == "failed"
    assert "No economy model is configured for this work any more" in task.error
