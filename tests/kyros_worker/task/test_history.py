"""Rules played again over a history that real work made."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from kyros_worker.audit.actor import Actor
from kyros_worker.auth.subject import Subject
from kyros_worker.clock import now
from kyros_worker.configuration import read as read_configuration
from kyros_worker.cost.tables import ModelCall
from kyros_worker.database import engine, read, transaction
from kyros_worker.escalation.tables import Escalation
from kyros_worker.settings import current
from kyros_worker.task.approve import approve_escalation, reject_escalation, request_escalation
from kyros_worker.task.history import histories, replay_history
from kyros_worker.task.record import Ended, record
from kyros_worker.task.start import Work
from kyros_worker.task.tables import Task
from tests import factories
from tests.live_models import configured
from tests.statements import statements

ADMIN = Subject("key_2", "test", frozenset({"admin"}))
RULES = """
[[rules]]
name = "urgent"
when = {priority = ["critical"]}
then = "start_on_premium"

[[rules]]
name = "asks-first"
when = {role = ["critic"], type = ["review"], priority = ["high"], refused = true}
then = "ask"

[[rules]]
name = "hopeless"
when = {refused = true, priority = ["low"]}
then = "fail"

[[rules]]
name = "unsure"
when = {confidence_below = 0.5}
then = "escalate"

[[rules]]
name = "second-failure"
when = {failed_tries = 2}
then = "escalate"

[[rules]]
name = "refused-twice"
when = {refused = true, revisions = 1}
then = "escalate"
"""


@pytest.fixture
def history(no_tasks, tmp_path):
    """Tasks on which each of the rules did something."""
    with configured(tmp_path / "history.toml", RULES):
        work()
        yield


def work():
    made = [
        factories.create(),
        factories.create(priority="critical"),
        factories.create(sandbox={"economy": {"confidence": 0.3}}),
        factories.create(sandbox={"economy": {"error": "timeout", "error_times": 2}}),
        factories.create(sandbox={"implementer": {"error": "timeout", "error_times": 1}}),
        factories.create(sandbox={"implementer": {"error": "invalid_output"}}),
        factories.create(sandbox={"refusals": 2}),
        factories.create(sandbox={"refusals": 1}),
        factories.create(priority="low", sandbox={"refusals": 1}),
        factories.create(type="audit", sandbox={"economy": {"confidence": 0.3}}),
    ]
    for one in made:
        finished(one["id"])
    for decide in (approve_escalation, reject_escalation):
        parked = factories.create(type="review", priority="high", sandbox={"refusals": 9})["id"]
        assert factories.run(parked).state == "awaiting_approval"
        with transaction() as connection:
            decide(
                connection, factories.row(Task, parked).escalation_id, ADMIN, Actor(ADMIN.id), None
            )
        factories.run(parked)
    unfinished = factories.create(sandbox={"economy": {"confidence": 0.3}})["id"]
    factories.begin(factories.current_submission(unfinished))
    by_person(unsure=False)
    by_person(unsure=True)


def finished(task_id):
    """Works on a task until it is final, asking again where an answer is not of the form."""
    while (task := factories.row(Task, task_id)).state in ("queued", "running"):
        factories.make_due(task.submission_id)
        again = factories.begin(task.submission_id)
        while isinstance(again, Work):
            ended = Ended(again, factories.answer_of(again))
            with transaction() as connection:
                (again,) = record(connection, [ended])


def by_person(*, unsure):
    """A task that a person asked about while its first call ran: no rule is asked about that."""
    sandbox = {"economy": {"confidence": 0.3 if unsure else 0.9}}
    task_id = factories.create(sandbox=sandbox)["id"]
    begun = factories.begin(factories.current_submission(task_id))
    with transaction() as connection:
        asked = request_escalation(
            connection, task_id, ADMIN, reason="It matters.", priority=None, request_id="req_x"
        )
        approve_escalation(connection, asked["id"], ADMIN, Actor(ADMIN.id), None)
    factories.finish(begun)
    factories.run(task_id)


def replayed(rules, mode="test", hours=1):
    until = now()
    with read() as connection:
        tally = replay_history(connection, mode, until - timedelta(hours=hours), until, rules)
    return tally.shown()


def rules_of(tmp_path, text):
    path = tmp_path / "other.toml"
    path.write_text(text)
    return read_configuration(path, "--rules").rules


def by_rule(found, side="would"):
    return {one["rule"]: one[side]["times"] for one in found["by_rule"] if one[side]["times"]}


def spent():
    with read() as connection:
        return connection.execute(select(func.sum(ModelCall.cost_usd))).scalar_one()


def test_the_rules_that_made_it_find_what_happened(history):
    found = replayed(current().configuration.rules)
    assert found["tasks"] == 15
    assert found["would"] == found["really"]
    assert all(one["would"] == one["really"] for one in found["by_rule"])
    assert {one["rule"]: (one["kind"], one["would"]) for one in found["by_rule"]} == {
        "urgent": ("started_on_premium", {"tasks": 1, "times": 3}),
        "asks-first": ("asked", {"tasks": 2, "times": 2}),
        "hopeless": ("failed", {"tasks": 1, "times": 1}),
        "unsure": ("escalated", {"tasks": 2, "times": 2}),
        "second-failure": ("escalated", {"tasks": 1, "times": 1}),
        "refused-twice": ("escalated", {"tasks": 1, "times": 1}),
    }
    with read() as connection:
        query = select(Escalation.rule, func.count()).group_by(Escalation.rule)
        kept = {rule: count for rule, count in connection.execute(query) if rule is not None}
    assert by_rule(found) == kept | {"hopeless": 1}
    assert found["requested_by_people"] == 2
    assert found["cost"]["difference"] == 0
    assert found["cost"]["premium_would"] == found["cost"]["premium_really"] > 0
    assert Decimal(str(found["cost"]["really"])) == spent()
    assert set(found["not_known"].values()) == {0}


def test_no_rules_find_nothing(history):
    found = replayed(())
    assert by_rule(found) == {}
    assert by_rule(found, "really")["urgent"] == 3
    assert found["not_known"]["economy_instead_of_premium"] >= 6
    assert found["not_known"]["tasks_with_other_answers"] >= 1
    # What people asked for stays.
    assert 0 < found["cost"]["premium_would"] < found["cost"]["premium_really"]
    assert found["cost"]["difference"] < 0


def test_other_rules_find_others(history, tmp_path):
    rules = rules_of(
        tmp_path,
        '[[rules]]\nname = "all"\nthen = "start_on_premium"\nwhen = {type = ["implementation"]}\n',
    )
    found = replayed(rules)
    assert set(by_rule(found)) == {"all"}
    assert found["would"]["started_on_premium"]["tasks"] == 12
    assert found["cost"]["premium_would"] > found["cost"]["premium_really"]
    assert found["cost"]["difference"] > 0


def test_what_an_escalation_would_cost_is_the_answers_tokens(no_tasks, tmp_path):
    tokens = {"input_tokens": 1000, "output_tokens": 500}
    with configured(tmp_path / "none.toml", "rules = []\n"):
        task_id = factories.create(type="audit", sandbox={"confidence": 0.3, **tokens})["id"]
        factories.run(task_id)
    (call,) = factories.calls(task_id)
    unsure = '[[rules]]\nname = "unsure"\nwhen = {confidence_below = 0.5}\nthen = '
    found = replayed(rules_of(tmp_path, f'{unsure}"escalate"\n'))
    assert found["cost"]["difference"] == float(call.premium_usd)
    assert found["cost"]["would"] == float(call.premium_usd + call.cost_usd)
    found = replayed(rules_of(tmp_path, f'{unsure}"ask"\n'))
    assert found["would"]["asked"]["tasks"] == 1
    assert found["cost"]["difference"] == 0
    assert found["cost"]["if_asked_were_approved"] == float(call.premium_usd)
    started = '[[rules]]\nname = "all"\nthen = "start_on_premium"\n'
    found = replayed(rules_of(tmp_path, started))
    assert found["cost"]["difference"] == float(call.premium_usd - call.cost_usd)
    factories.change(ModelCall, call.id, premium_usd=None)
    found = replayed(rules_of(tmp_path, f'{unsure}"escalate"\nmax_cost_usd = 1\n'))
    assert found["would"]["asked"]["tasks"] == 1  # an unknown cost is within no limit
    found = replayed(rules_of(tmp_path, f'{unsure}"escalate"\n'))
    assert (found["cost"]["difference"], found["not_known"]["premium_passes"]) == (0, 1)


def test_the_other_mode_and_other_times_are_left_out(history):
    assert replayed((), mode="live")["tasks"] == 0
    until = now() - timedelta(hours=1)
    with read() as connection:
        old = replay_history(connection, "test", until - timedelta(hours=1), until, ())
    assert old.tasks == 0


def test_pages_hold_every_task_once_and_take_two_statements_each(history):
    until, since = now(), now() - timedelta(hours=1)
    with read() as connection:
        whole = list(histories(connection, "test", since, until))
        with statements(engine()) as seen:
            paged = list(histories(connection, "test", since, until, page=4))
    assert paged == whole
    assert len(whole) == 15
    assert len(seen) <= 2 * 4 + 1
