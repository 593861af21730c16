"""The guide's receivers as printed, and the stock libraries, beside tasks with hostile texts."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from kyros import webhooks
from kyros_worker.command.ports import free_port
from tests.acceptance.stack import LOG, Deployment
from tests.eventually import eventually
from tests.hostile_json import FLOATS, INTEGERS, KEYS, PIECES
from tests.receiver import SECRET, Receiver
from tests.serving import answers

PEERS = Path(__file__).parents[1] / "peers"
#: As in the guide.
EVENTS = ["task.created", "task.completed", "escalation.approved"]
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BATCH_BYTES = 6_000_000

# The API refuses NUL and what is no Unicode text.
LETTERS = [one for one in PIECES if one != "\x00" and not "\ud800" <= one <= "\udfff"]
NAMES = [one for one in KEYS if one.isprintable() or one == "\u2028"]
NAMES = [one for one in NAMES if not any("\ud800" <= letter <= "\udfff" for letter in one)]
NUMBERS = [*FLOATS, *INTEGERS, 2**63, -(2**64), 10**40, -0.0, 1e-7]


def text(chance: random.Random, most: int) -> str:
    return "".join(chance.choices(LETTERS, k=chance.randrange(1, most)))


def value(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randrange(7 if depth < 5 else 4)
    match kind:
        case 0:
            return text(chance, 30)
        case 1:
            return chance.choice(NUMBERS)
        case 2:
            return chance.choice([None, True, False, "", [], {}])
        case 3:
            return chance.randrange(-(10**25), 10**25)
        case 4:
            return [value(chance, depth + 1) for _ in range(chance.randrange(4))]
        case _:
            return document(chance, depth + 1)


def document(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    names = [*chance.choices(NAMES, k=3), str(chance.randrange(2**33)), text(chance, 6)]
    return {name: value(chance, depth) for name in names}


def deep(chance: random.Random) -> Any:
    inner: Any = value(chance, 5)
    for _ in range(50):
        inner = [inner] if chance.random() < 0.5 else {chance.choice(NAMES): inner}
    return inner


def hostile_task(chance: random.Random, number: int) -> dict[str, Any]:
    """Every fortieth is described in 300 KB, every twentieth escalates."""
    sandbox = {"delay_seconds": 0}
    escalates = number % 20 == 0
    if escalates:
        sandbox["economy"] = {"confidence": 0.2}
    size = 300_000 if number % 40 == 1 else 300
    return {
        "title": f"{number} {text(chance, 100)}",
        "description": text(chance, 5) * (size // 20),
        "type": "implementation" if escalates else "chore",
        "acceptance_criteria": [text(chance, 50) for _ in range(chance.randrange(4))],
        "files_to_modify": [text(chance, 50) for _ in range(chance.randrange(3))],
        "metadata": {**document(chance), "deep": deep(chance), "sandbox": sandbox},
    }


@contextmanager
def started(command: list[str], log: Path, **environ: str) -> Iterator[int]:
    """A receiver in a process of its own, which listens on the port that is given."""
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [word.replace("PORT", str(port)) for word in command],
            stdout=output,
            stderr=output,
            env={"PATH": os.environ["PATH"], "PORT": str(port), **environ},
        )
    try:
        url = f"http://127.0.0.1:{port}/"
        eventually(lambda: process.poll() is None and answers(url), 30, f"{command} listens")
        yield port
    finally:
        process.terminate()
        process.wait(20)


def check_in_python(body: bytes, headers: dict[str, str]) -> None:
    Webhook(WHSEC).verify(body.decode(), headers)
    webhooks.verify(body, headers, WHSEC)


@pytest.mark.parametrize(
    "count",
    [100, pytest.param(5_000, marks=[pytest.mark.long, pytest.mark.timeout(1200)])],
)
def test_every_delivery_is_taken_at_once(stack, tmp_path, count):
    assert shutil.which("node"), "this test needs Node 20 or newer"
    node = ["node", "--require", str(PEERS / "node/port.js")]
    in_python = Receiver(check=check_in_python)
    with ExitStack() as running:
        flask = running.enter_context(
            started(
                [sys.executable, "-m", "flask", "--app", str(PEERS / "guide_receiver.py"), "run",
                 "--port", "PORT"],
                tmp_path / "flask.log",
            )
        )  # fmt: skip
        express = running.enter_context(
            started([*node, str(PEERS / "node/guide_receiver.js")], tmp_path / "express.log")
        )
        verifier = running.enter_context(
            started([*node, str(PEERS / "node/verifier.js")], tmp_path / "node.log", SECRET=WHSEC)
        )
        running.enter_context(in_python.listening())
        path = "/webhooks/kyros"
        made = {
            "flask": _webhook(stack, f"http://127.0.0.1:{flask}{path}", SECRET),
            "express": _webhook(stack, f"http://127.0.0.1:{express}{path}", SECRET),
            "node": _webhook(stack, f"http://127.0.0.1:{verifier}{path}", WHSEC),
            "python": _webhook(stack, in_python.url(path), WHSEC),
        }
        try:
            escalated = _make_tasks(stack, count)
            for webhook_id in made.values():
                stack.http.post(f"/v1/webhooks/{webhook_id}/test", json={}).raise_for_status()
            # Created and completed, each escalation's approval, and the test.
            wanted = 2 * count + escalated + 1
            eventually(lambda: not _open(stack, made), 30 + count / 10, "all is delivered")
            for name, webhook_id in made.items():
                assert _attempts(stack, webhook_id) == [("delivered", 1, 200, wanted)], name
        finally:
            for webhook_id in made.values():
                stack.http.delete(f"/v1/webhooks/{webhook_id}").raise_for_status()
        told = httpx.get(f"http://127.0.0.1:{verifier}/").json()
    assert told == {"taken": wanted, "refused": []}
    assert (len(in_python.taken[path]), in_python.forged) == (wanted, 0)
    LOG.info("%s deliveries to each of four receivers, all taken at once", wanted)


def _webhook(stack: Deployment, url: str, secret: str) -> str:
    body = {"url": url, "events": EVENTS, "secret": secret}
    answer = stack.http.post("/v1/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


def _make_tasks(stack: Deployment, count: int) -> int:
    """Makes so many hostile tasks and sees them to their end; gives how many escalated."""
    chance = random.Random(count)
    batch: list[dict[str, Any]] = []
    made, size = [], 0
    for number in range(count):
        task = hostile_task(chance, number)
        batch.append(task)
        size += len(json.dumps(task))
        if size > BATCH_BYTES or len(batch) == 500 or number == count - 1:
            made += stack.create_many(batch)
            batch, size = [], 0
    ids = [task["id"] for task in made]
    states = "SELECT state, count(*) FROM tasks WHERE id = ANY(%s) GROUP BY 1"
    eventually(
        lambda: dict(stack.query(states, ids)) == {"completed": count},
        60 + count / 20,
        "all tasks are completed",
    )
    approved = "SELECT count(*) FROM escalations WHERE task_id = ANY(%s)"
    return int(stack.query(approved, ids)[0][0])


def _open(stack: Deployment, made: dict[str, str]) -> list[tuple[Any, ...]]:
    return stack.query(
        "SELECT 1 FROM deliveries WHERE webhook_id = ANY(%s)"
        " AND state IN ('pending', 'sending') LIMIT 1",
        list(made.values()),
    )


def _attempts(stack: Deployment, webhook_id: str) -> list[tuple[Any, ...]]:
    """How deliveries stand, after how many attempts, with which answer, and how many do."""
    return stack.query(
        "SELECT state, attempts, status_code, count(*) FROM deliveries"
        " JOIN delivery_attempts ON delivery_id = id WHERE webhook_id = %s GROUP BY 1, 2, 3",
        webhook_id,
    )
