"""What the shared cases can't say of values: keys, numbers, times, models, secrets."""

import copy
import json
import math
import pickle
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from kyros.models import AgentContext, ApiKey, Health, Task, Webhook
from tests.sdks.python.scripted_server import data

#: Every call that acts, and what it is given beside its key.
ACTS = [
    ("tasks.cancel", ["task_1"]),
    ("tasks.retry", ["task_1"]),
    ("agents.submit", ["critic", "task_1"]),
    ("agents.register", ["a", ["b"]]),
    ("escalations.submit", ["task_1", "a"]),
    ("escalations.approve", ["esc_1"]),
    ("escalations.reject", ["esc_1"]),
    ("webhooks.create", ["http://a.test", ["*"]]),
    ("webhooks.rotate_secret", ["whk_1"]),
    ("webhooks.activate_secret", ["whk_1"]),
    ("webhooks.test", ["whk_1"]),
    ("webhooks.redeliver", ["whk_1", "dlv_1"]),
    ("webhooks.replay", ["whk_1", "2026-01-01T00:00:00Z"]),
    ("api_keys.create", ["a", []]),
    ("api_keys.rotate", ["key_1"]),
]


@pytest.mark.parametrize(("method", "arguments"), ACTS)
def test_whatever_posts_takes_a_key(client, server, method, arguments):
    server.always = lambda _: data({"id": "a"})
    resource, _, name = method.partition(".")
    getattr(getattr(client, resource), name)(*arguments, idempotency_key="mine")
    assert [one.headers["idempotency-key"] for one in server.asked] == ["mine"]


def test_a_decimal_is_sent_with_all_of_its_digits(client, server):
    server.always = lambda _: data({"id": "task_1"})
    long = "9" * 5000
    numbers = ["0.12345678901234567890", "-1E+2", long]
    client.tasks.create({"title": '"', "metadata": {"a": [Decimal(each) for each in numbers]}})
    (asked,) = server.asked
    assert asked.body.decode().endswith(f'"metadata":{{"a":[{",".join(numbers)}]}}}}')


def test_a_long_integer_goes_back_as_it_came(client, server):
    long = "9" * 5000
    text = f'{{"success": true, "data": {{"id": "task_1", "metadata": {{"long": {long}}}}}}}'
    server.always = lambda _: {"status": 200, "text": text}
    task = client.tasks.get("task_1")
    client.tasks.create({"title": "a", "metadata": task.metadata})
    assert task.metadata["long"] == Decimal(long)
    assert long.encode() in server.asked[1].body


def test_datetimes_and_decimals_are_sent(client, server):
    server.always = lambda _: data({"id": "key_1"})
    moment = datetime(2027, 1, 2, tzinfo=UTC)
    client.api_keys.update("key_1", expires_at=moment, day_budget_usd=Decimal("2.5"))
    client.webhooks.replay("whk_1", moment)
    client.tasks.create({"title": "a", "metadata": {"at": moment, "of": ("a", AgentContext("b"))}})
    assert [one.json for one in server.asked] == [
        {"expires_at": "2027-01-02T00:00:00+00:00", "day_budget_usd": 2.5},
        {"since": "2027-01-02T00:00:00+00:00"},
        {
            "title": "a",
            "metadata": {
                "at": "2027-01-02T00:00:00+00:00",
                "of": ["a", {"repository_state": "b"}],
            },
        },
    ]


@pytest.mark.parametrize(
    "wrong", [math.nan, math.inf, object(), {1, 2}, "\ud800", Decimal("NaN"), Decimal("Infinity")]
)
def test_what_json_cannot_say_is_refused_before_anything_is_sent(client, server, wrong):
    with pytest.raises((TypeError, ValueError)):
        client.tasks.create({"title": "a", "metadata": {"wrong": wrong}})
    assert not server.asked


@pytest.mark.parametrize("key", ["", "a b", "a\nb", "é", "x" * 256])
def test_a_key_that_no_header_can_carry_is_refused(client, server, key):
    with pytest.raises(ValueError, match="idempotency_key"):
        client.tasks.create({"title": "a"}, idempotency_key=key)
    assert not server.asked


def test_models_are_what_they_hold():
    task = Task("Fix it", priority="high", newer=1)
    assert task.title == task["title"] == "Fix it"
    assert (task.newer, task.status, "status" in task) == (1, None, False)
    task.priority = "low"
    assert task.to_dict() == {"title": "Fix it", "priority": "low", "newer": 1}
    assert task == Task("Fix it", priority="low", newer=1) != Task("Fix it")
    assert repr(task) == "Task(title='Fix it', priority='low', newer=1)"
    assert {"title", "status", "newer", "to_dict"} <= set(dir(task))
    assert copy.deepcopy(task) == pickle.loads(pickle.dumps(task)) == task  # noqa: S301 - our own
    with pytest.raises(AttributeError, match="'Task' object has no attribute 'titel'"):
        task.titel  # noqa: B018


def test_a_model_can_be_added_to():
    class Story(Task):
        points: int

    story = Story.read({"title": "Fix it", "cost_usd": 0.1, "progress": {"percentage": 50}})
    assert (story.status, story.points, story.progress.percentage) == (None, None, 50)
    assert isinstance(story.cost_usd, Decimal)


def test_a_model_is_gone_over_as_a_dictionary():
    task = Task("Fix it", priority="high")
    assert list(task.to_dict()) == ["title", "priority"]
    for reads in (list, dict):
        with pytest.raises(TypeError, match="not iterable"):
            reads(task)


def test_a_secret_is_not_printed():
    key = ApiKey.read({"id": "key_1", "key": "kyros_live_A"})
    hook = Webhook.read({"id": "whk_1", "secret": "whsec_A", "standard_secret": "whsec_A"})
    assert (repr(key), str(key)) == ("ApiKey(id='key_1', key=<hidden>)",) * 2
    assert repr(hook) == "Webhook(id='whk_1', secret=<hidden>, standard_secret=<hidden>)"
    assert repr(Webhook.read({"secret": None})) == "Webhook(secret=None)"
    assert (key.key, hook.to_dict()["secret"]) == ("kyros_live_A", "whsec_A")


def test_what_is_in_components_reads_as_attributes_in_lists_too():
    left_alone = [{"model": "openai:big", "tried": [{"at": 1}]}]
    health = Health.read({"components": {"models": {"left_alone": left_alone}}})
    (found,) = health.components.models.left_alone
    assert (found.model, found.tried[0].at) == ("openai:big", 1)
    assert health.components.models["left_alone"][0].model == "openai:big"
    assert health.to_dict()["components"]["models"]["left_alone"] == left_alone


def test_an_answer_stays_json(client, server):
    text = '{"success":true,"data":{"id":"task_1","cost_usd":0.10,"metadata":{"n":1.50,"i":1}}}'
    server.answers({"status": 200, "text": text})
    task = client.tasks.get("task_1")
    assert task.cost_usd == Decimal("0.10")
    assert f"{task.cost_usd:.2f}" == "0.10"
    assert json.loads(json.dumps(task.to_dict())) == json.loads(text)["data"]
    assert copy.deepcopy(task).cost_usd == Decimal("0.10")
    assert pickle.loads(pickle.dumps(task)).cost_usd == Decimal("0.10")  # noqa: S301 - our own
    assert task.metadata["n"] + 1 == 2.5
