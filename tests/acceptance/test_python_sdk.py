"""The Python SDK on a real stack: the guide's sample as printed, the README's, and the rest."""

import re
import time
from decimal import Decimal
from types import SimpleNamespace

import pytest

from kyros import (
    AuthenticationError,
    ConflictError,
    KyrosClient,
    NotFoundError,
    PermissionDeniedError,
    ValidationError,
)
from kyros_worker.settings import PROJECT_ROOT
from tests.acceptance.stack import KEY, Deployment
from tests.eventually import eventually

GUIDE = PROJECT_ROOT / "tests/peers/guide_sdk.py"
README = (PROJECT_ROOT / "sdks/python/README.md").read_text()
SAMPLES = [
    pytest.param(title, code, id=title)
    for title, section in re.findall(r"^## (.+)\n((?:(?!^## ).*\n)*)", README, re.MULTILINE)
    for code in re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
]
#: What each sample prints.
SAYS = {
    "The first call": r"(\d+% .*\n)+completed \{.+\} \$0\.\d{4}\n",
    "Lists and streams": (
        # Titles of other tests have lines of their own.
        r"(?s:task_\d+ .+\n)*\d+ (None|\S+)\n1 task\.created\n(\d+ .+\n)*\d+ task\.\w+\n"
    ),
    "What is read": r"\d+\.\d\d spent, -?\d+\.\d\d saved\n(\w+ .+ \d+\n)*healthy healthy\n",
    "Errors": r"title .+\npriority .+\n",
    # It has an assertion of its own.
    "Retries": "",
    "asyncio": r"\['completed', 'completed'\]\ntask_\d+\n",
    # It is called in tests/sdks/python/test_webhooks.py.
    "Receiving webhooks": "",
}


@pytest.fixture
def client(stack):
    with KyrosClient(KEY, address(stack)) as client:
        yield client


def address(stack: Deployment) -> str:
    return str(stack.http.base_url).rstrip("/")


def test_the_guides_sample_as_printed(stack, capsys):
    code = GUIDE.read_text()
    code = code.replace("https://api.kyros.com", address(stack)).replace("your-api-key", KEY)
    # The guide forgets to import it; 30 s would only make the test slower.
    hurried = SimpleNamespace(sleep=lambda _: time.sleep(0.2))
    exec(code, {"time": hurried})  # noqa: S102 - the guide's own sample
    said = capsys.readouterr().out
    assert re.search(r"^Task created: task_\d+\nTask submitted: sub_\d+\nStatus: ", said)
    assert "Status: completed (100%)" in said
    assert re.search(r"^Total cost: \$\d+\.\d\d\nSavings: \$-?\d+\.\d\d$", said, re.MULTILINE)


@pytest.mark.parametrize(("title", "code"), SAMPLES)
def test_readme(title, code, stack, monkeypatch, capsys):
    monkeypatch.setenv("KYROS_API_URL", f"{address(stack)}/v1")
    monkeypatch.setenv("KYROS_API_KEY", KEY)
    monkeypatch.setenv("KYROS_WEBHOOK_SECRET", "secret")
    exec(code, {"__name__": "sample"})  # noqa: S102 - our own document
    said = capsys.readouterr().out
    assert re.fullmatch(SAYS[title], said), said
    eventually(stack.all_final, 60, "all work is done")


def test_the_life_of_a_task(client):
    first, second = client.tasks.create_batch([{"title": "a"}, {"title": "b", "type": "review"}])
    percentages = []
    done = client.tasks.wait(
        first.id, on_progress=lambda task: percentages.append(task.progress.percentage), timeout=60
    )
    assert (done.status, percentages[-1]) == ("completed", 100)
    assert percentages == sorted(percentages)
    streamed = [event.seq for event in client.tasks.stream(first.id)]
    assert streamed == [event.seq for event in client.tasks.timeline(first.id, limit=3)]
    assert [event.seq for event in client.tasks.stream(first.id, last_event_id=3)] == streamed[3:]
    assert client.tasks.wait(second.id, timeout=60).result["decision"] == "approve"
    newest = [task.id for task, _ in zip(client.tasks.list(limit=1), range(2), strict=False)]
    assert newest == [second.id, first.id]
    with pytest.raises(ConflictError, match="is completed"):
        client.tasks.cancel(first.id)


def test_cancel_retry_and_escalate(client):
    task = client.tasks.create({"title": "a", "metadata": {"sandbox": {"delay_seconds": 30}}})
    escalation = client.escalations.submit(task.id, "It is hard.", "high")
    assert client.escalations.get(escalation.id).status == "requested"
    assert escalation.id in {one.id for one in client.escalations.list(task_id=task.id)}
    assert client.escalations.reject(escalation.id, "It is not.").comment == "It is not."
    assert client.tasks.cancel(task.id).state == "cancelled"
    assert client.tasks.retry(task.id).state == "queued"
    assert client.tasks.cancel(task.id).cancelled


def test_webhooks(client):
    hook = client.webhooks.create("http://127.0.0.1:9/", ["task.*"], description="a")
    assert hook.secret.startswith("whsec_")
    assert client.webhooks.rotate_secret(hook.id).secret != hook.secret
    assert client.webhooks.activate_secret(hook.id).secret_pending_since is None
    delivery = client.webhooks.test(hook.id)
    assert [one.id for one in client.webhooks.list_deliveries(hook.id)] == [delivery.id]
    assert client.webhooks.redeliver(hook.id, delivery.id).id == delivery.id
    # Not while it is being sent.
    replayed = lambda: client.webhooks.replay(hook.id, hook.created_at).deliveries  # noqa: E731
    assert eventually(replayed, 10, "it is sent again") == 1
    assert client.webhooks.update(hook.id, enabled=False).enabled is False
    assert hook.id in {one.id for one in client.webhooks.list(limit=1)}
    assert client.webhooks.delete(hook.id).id == hook.id
    with pytest.raises(NotFoundError):
        client.webhooks.get(hook.id)


def test_keys_and_what_they_may_do(client, stack):
    made = client.api_keys.create("reads", ["tasks:read"])
    with KyrosClient(made.key, address(stack)) as reader:
        list(reader.tasks.list(limit=200))
        with pytest.raises(PermissionDeniedError, match="tasks:write"):
            reader.tasks.create({"title": "a"})
    assert made.id in {key.id for key in client.api_keys.list()}
    changed = client.api_keys.update(made.id, rate_limit=60, day_budget_usd=0.1, name="reads more")
    assert (changed.name, changed.day_budget_usd) == ("reads more", Decimal("0.1"))
    assert client.api_keys.update(made.id, remove=["rate_limit"]).rate_limit is None
    rotated = client.api_keys.rotate(made.id, overlap_seconds=0)
    assert rotated.key != made.key
    with KyrosClient(made.key, address(stack)) as late:
        eventually(lambda: _refused(late), 10, "the secret before has ended")
    assert client.api_keys.get(made.id).name == "reads more"
    assert client.api_keys.revoke(made.id).revoked_at


def test_wrong_fields_are_told(client):
    with pytest.raises(ValidationError) as wrong:
        client.tasks.create({"title": "", "priority": "urgent", "unknown": 1})
    assert [field.field for field in wrong.value.fields] == ["title", "priority", "unknown"]
    assert wrong.value.request_id.startswith("req_")


def test_health(client):
    health = client.monitoring.get_health()
    assert health.overall_status == "healthy"
    assert health.components.workers.critic.status == "healthy"


def _refused(client: KyrosClient) -> bool:
    try:
        list(client.tasks.list())
    except AuthenticationError:
        return True
    return False
