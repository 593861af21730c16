"""The logs of a running stack: lines of JSON, one request through all of them, never a secret."""

import json
from collections.abc import Iterator
from contextlib import closing

import httpx
import psycopg2
import pytest

from tests import scripted_openai as scripted
from tests.acceptance.stack import KEY, Deployment, new_task
from tests.eventually import eventually
from tests.live_models import on
from tests.receiver import Receiver, answering_first
from tests.scripted_openai import ScriptedServer

REQUEST_ID = "a-request-of-my-own"
#: Each stands where a secret, or what a customer or a model wrote, stands.
CANARY = "CaNaRy"
PROVIDER_KEY = f"sk-{CANARY}-0123456789abcdef"
PROCESSES = ("api", "dispatch", "implementer", "critic", "integrator", "webhooks", "flower")
STORES = ("postgres", "redis", "supervisord")


@pytest.fixture
def provider() -> Iterator[ScriptedServer]:
    """A model server that refuses, and echoes the key and all that it was asked."""
    with ScriptedServer() as server:
        server.script = lambda asked: scripted.error(
            400, f"{asked.headers['authorization']} {json.dumps(asked.body)} {CANARY}"
        )
        yield server


@pytest.fixture
def told(stack: Deployment, provider: ScriptedServer, tmp_path) -> Iterator[Deployment]:
    """The stack with logs in JSON, all levels, and libraries that were told to tell everything."""
    config = tmp_path / "kyros.toml"
    config.write_text(on(provider.url))
    stack.down()
    for file in stack.home.logs.iterdir():
        file.unlink()
    stack.up(
        KYROS_LOG_FORMAT="json",
        KYROS_LOG_LEVEL="debug",
        KYROS_CONFIG=str(config),
        SCRIPTED_KEY=PROVIDER_KEY,
        OPENAI_LOG="debug",
    )
    yield stack
    if not stack.home.stack.exists():
        # Whose invariants are looked at next.
        stack.up()


def lines(stack: Deployment, name: str) -> list[dict]:
    """All lines of a process; each must be a JSON object."""
    return [json.loads(line) for line in stack.home.log(name).read_text().splitlines()]


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_request_is_followed_and_no_secret_is_told(told):
    stack = told
    receiver = Receiver({"/hook": answering_first(500)}, check=_keep)
    seen.clear()
    with receiver.listening():
        webhook = {
            "url": f"{receiver.url('/hook')}?token={CANARY}", "events": ["*"],
            "secret": f"whsec_{CANARY}", "description": CANARY,
        }  # fmt: skip
        made = stack.http.post("/v1/webhooks", json=webhook).raise_for_status().json()["data"]
        _work(stack)
        _be_refused(stack)
        _break(stack)
        eventually(lambda: REQUEST_ID in seen.values(), 60, "the delivery came")
        stack.http.delete(f"/v1/webhooks/{made['id']}").raise_for_status()
    followed = stack.kyros("logs", "--request-id", REQUEST_ID).splitlines()
    kept = json.loads(stack.home.secrets.read_text())
    stack.down()
    _check_followed(stack, followed)
    for name in (*PROCESSES, *STORES):
        text = "".join(
            file.read_text(errors="replace") for file in stack.home.logs.glob(f"{name}.log*")
        )
        assert text, name
        for secret in (CANARY, *kept.values(), KEY):
            assert secret not in text, f"{name}: {_around(text, secret)}"
    for name in ("api", "implementer"):
        errors = [line["exception"] for line in lines(stack, name) if "exception" in line]
        assert any("CheckViolation" in one for one in errors), name


seen: dict[str, str] = {}


def _keep(_: bytes, headers: dict[str, str]) -> None:
    seen[headers["webhook-id"]] = headers.get("x-request-id", "")


def _work(stack: Deployment) -> None:
    """One task through all roles, and one whose provider echoes everything."""
    task = new_task(
        title=f"{CANARY} title", description=CANARY, context={"files": {"a.py": CANARY}},
        acceptance_criteria=[CANARY],
    )  # fmt: skip
    headers = {"X-Request-Id": REQUEST_ID, "Cookie": f"session={CANARY}"}
    made = stack.http.post("/v1/tasks", json=task, headers=headers).raise_for_status().json()
    live = {"Authorization": f"Bearer {stack.kyros('keys', 'create', 'live', '--mode', 'live')}"}
    live = {name: value.strip() for name, value in live.items()}
    body = {"title": f"{CANARY} title", "description": CANARY, "type": "review"}
    real = stack.http.post("/v1/tasks", json=body, headers=live).raise_for_status().json()
    stack.wait_final(made["data"])
    task_id = real["data"]["id"]
    eventually(lambda: stack.calls(task_id), 30, "the provider was asked")
    eventually(lambda: not stack.query(
        "SELECT 1 FROM model_calls WHERE task_id = %s AND state = 'started'", task_id
    ), 30, "and has answered")  # fmt: skip
    stack.http.post(f"/v1/tasks/{task_id}/cancel", headers=live)


def _be_refused(stack: Deployment) -> None:
    """Requests that the API refuses: what they hold is nobody's business either."""
    with httpx.Client(base_url=stack.http.base_url, trust_env=False) as http:
        assert http.get("/v1/tasks", headers={"Authorization": f"Bearer {CANARY}"}).is_error
        assert http.get(f"/v1/tasks?q={CANARY}").is_error
    for content in (f'{{"title": "{CANARY}"', f'{{"title": 1, "{CANARY}": "{CANARY}"}}'):
        headers = {"Content-Type": "application/json"}
        assert stack.http.post("/v1/tasks", content=content, headers=headers).is_client_error


def _break(stack: Deployment) -> None:
    """Errors whose own words hold what was written, a worker killed, both stores away."""
    task = stack.create({"delay_seconds": 2}, title=CANARY, description=CANARY)
    stack.wait_running(_submission(stack))
    _execute(stack, "ALTER TABLE tasks ADD CONSTRAINT refused CHECK (false) NOT VALID")
    try:
        assert stack.http.post("/v1/tasks", json=new_task(title=CANARY)).status_code == 500
        eventually(lambda: _has_exception(stack, "implementer"), 30, "the worker could not record")
    finally:
        _execute(stack, "ALTER TABLE tasks DROP CONSTRAINT refused")
    stack.kill_group("critic")
    with stack.stopped("redis"):
        eventually(lambda: _warned(stack, "dispatch"), 20, "the dispatcher misses Redis")
    with stack.stopped("postgres"):
        eventually(lambda: stack.http.get("/v1/tasks").status_code == 503, 20, "the API answers")
    eventually(lambda: all(one.running for one in stack.states().values()), 60, "all run")
    stack.wait_final(task, seconds=90)
    eventually(stack.all_final, 90, "all work is done")


def _execute(stack: Deployment, statement: str) -> None:
    with closing(psycopg2.connect(stack.database_url)) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)


def _submission(stack: Deployment) -> str:
    """The newest submission."""
    return stack.query("SELECT id FROM submissions ORDER BY id DESC LIMIT 1")[0][0]


def _has_exception(stack: Deployment, name: str) -> bool:
    return any("exception" in line for line in lines(stack, name))


def _warned(stack: Deployment, name: str) -> bool:
    return any(line["level"] == "warning" for line in lines(stack, name))


def _check_followed(stack: Deployment, followed: list[str]) -> None:
    """Each process tells of the request; the command shows all of it in the order of time."""
    found = {
        (name, line["event"]): line
        for name in PROCESSES
        for line in lines(stack, name)
        if line.get("request_id") == REQUEST_ID
    }
    expected = {("api", "request"), ("dispatch", "published"), ("webhooks", "delivery")}
    for role in ("implementer", "critic", "integrator"):
        expected |= {(role, "submission"), (role, "call")}
    assert set(found) == expected
    assert len({line["task_id"] for line in found.values() if line.get("task_id")}) == 1
    assert {line.split()[0] for line in followed} == {name for name, _ in expected}
    times = [json.loads(line.split("| ", 1)[1])["timestamp"] for line in followed]
    assert times == sorted(times)
    assert all(lines(stack, name) for name in PROCESSES)


def _around(text: str, secret: str) -> str:
    at = text.index(secret)
    return text[max(at - 300, 0) : at + 100]
