"""What is done to samples that serve; each function gives what it saw beside their output."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode

import httpx

from tests.eventually import eventually
from tests.guide.site import Site
from tests.guide.strangers import WEBHOOK_SECRET

#: What a program has printed so far.
Output = Callable[[], str]
#: In the order in which they are told.
EVENTS = ["task.created", "escalation.approved", "task.completed"]
UNSURE = {"economy": {"confidence": 0.2}}


@contextmanager
def _endpoint(site: Site, url: str) -> Iterator[str]:
    body = {"url": url, "events": EVENTS, "secret": WEBHOOK_SECRET}
    webhook = site.stack.http.post("/v1/webhooks", json=body).raise_for_status().json()["data"]
    try:
        yield str(webhook["id"])
    finally:
        site.stack.http.delete(f"/v1/webhooks/{webhook['id']}").raise_for_status()


def webhooks(site: Site, port: int) -> str:
    """A task that escalates is worked on; all that is told of it is taken at once.

    A request that is not signed rightly is refused.
    """
    url = f"http://127.0.0.1:{port}/webhooks/kyros"
    forged = {"X-Kyros-Signature": "0" * 64}
    refused = httpx.post(url, json={"type": "test", "data": {}}, headers=forged)
    assert refused.status_code == 401, refused.text
    return _told(site, url)


def trusting(site: Site, port: int) -> str:
    """The same for a handler that verifies nothing."""
    return _told(site, f"http://127.0.0.1:{port}/webhooks/kyros")


def _told(site: Site, url: str) -> str:
    with _endpoint(site, url) as webhook_id:
        title = f"Told of at {url}"
        task = site.stack.create(UNSURE, title=title, type="implementation", priority="high")
        site.stack.wait_final(task)

        def tried() -> list[tuple[Any, ...]]:
            return site.stack.query(
                "SELECT event_type, state, status_code, error, due_at::text FROM deliveries"
                " LEFT JOIN delivery_attempts ON delivery_id = id"
                " WHERE webhook_id = %s AND task_id = %s ORDER BY seq, number",
                webhook_id,
                task["id"],
            )

        try:
            eventually(lambda: _are_delivered(tried()), 30, "all three events are delivered")
        finally:
            rows = tried()
            assert [row[:3] for row in rows] == [(one, "delivered", 200) for one in EVENTS], rows
    return f"task {task['id']}\n"


def _are_delivered(rows: list[tuple[Any, ...]]) -> bool:
    return len(rows) >= len(EVENTS) and all(row[1] == "delivered" for row in rows)


def jira(site: Site, port: int) -> str:
    """As `trusting`; gives what Jira was asked."""
    said = trusting(site, port)
    asked = site.strangers.asked("/rest/api/2/issue")
    return said + "".join(
        f"{one.method} {one.path} {one.status} {json.dumps(one.body)}\n" for one in asked
    )


def scraped(_: Site, port: int) -> str:
    """What an exporter of metrics answers, once it has asked for them."""

    def figures() -> str | None:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        return text if "kyros_tasks_total{" in text else None

    return eventually(figures, 30, "the exporter has figures")


def slack_commands(_: Site, port: int) -> str:
    """Slash commands as Slack sends them, and one that somebody else sends."""
    url = f"http://127.0.0.1:{port}/slack/commands"
    said = ""
    for command in ("/kyros-status", "/kyros-costs"):
        said += _from_slack(url, command=command, text="") + "\n"
    forged = httpx.post(url, data={"command": "/kyros-costs"}, timeout=20)
    return said + f"forged {forged.status_code}\n"


def slack_bot(site: Site, port: int) -> str:
    """Slash commands, tasks that end, and a button; gives what Slack was told."""
    before = len(site.strangers.asked("/api/chat.postMessage"))
    said = slack_commands(site, port) + webhooks(site, port)
    with _worked_on(site, "Asked for in Slack") as task_id:
        for value in (task_id, "task_0"):
            payload = {"actions": [{"action_id": "ask_for_premium", "value": value}]}
            _from_slack(f"http://127.0.0.1:{port}/slack/actions", payload=json.dumps(payload))

        def told() -> list[str] | None:
            messages = site.strangers.asked("/api/chat.postMessage")[before:]
            texts = [parse_qs(str(message.body)).get("text", [""])[0] for message in messages]
            # The bot answers both buttons at once: what comes of them is told in any order.
            answers = [text for text in texts if text.startswith(("Asked: ", "Not asked: "))]
            return texts if len(answers) == 2 else None

        texts = eventually(told, 30, "Slack is told")
    return said + "".join(f"told {text}\n" for text in texts)


def _from_slack(url: str, **form: str) -> str:
    """What is answered to a form that is signed as Slack signs."""
    body, at = urlencode(form), str(int(time.time()))
    digest = hmac.new(b"slack-for-tests", f"v0:{at}:{body}".encode(), hashlib.sha256)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": at,
        "X-Slack-Signature": f"v0={digest.hexdigest()}",
    }
    return httpx.post(url, content=body, headers=headers, timeout=20).raise_for_status().text


def github(site: Site, port: int) -> str:
    """A pull request that is opened, told of twice, and one that GitHub did not send."""
    pull = {"number": 8, "title": "Mend it", "body": None, "head": {"sha": "abc123"}}
    event = {"action": "opened", "repository": {"full_name": "your-org/your-app"}}
    body = json.dumps({**event, "pull_request": pull}).encode()
    digest = hmac.new(b"github-for-tests", body, hashlib.sha256).hexdigest()
    headers = {"X-GitHub-Event": "pull_request", "X-GitHub-Delivery": f"guide-{port}"}
    headers |= {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}
    url = f"http://127.0.0.1:{port}/webhooks/github"
    for _ in range(2):
        httpx.post(url, content=body, headers=headers, timeout=20).raise_for_status()
    forged = httpx.post(url, content=body, headers=headers | {"X-Hub-Signature-256": "sha256=0"})
    listed = site.stack.http.get("/v1/tasks", params={"q": "Review PR 8: Mend"}).json()["data"]
    comments = site.strangers.asked("/repos/your-org/your-app/issues/8/comments")
    said = f"forged {forged.status_code}\n" + "one task\n" * (len(listed["tasks"]) == 1)
    return said + "".join(f"comment {comment.body['body']}\n" for comment in comments)


def teams(site: Site, port: int) -> str:
    """What an exporter answers while a team has a task open."""
    with _worked_on(site, "Of a team", team="guide"):
        return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=20).text


@contextmanager
def _worked_on(site: Site, title: str, **metadata: str) -> Iterator[str]:
    """Within, this task is in progress and has no end; gives its id."""
    task = site.stack.create(title=title, metadata=metadata | {"sandbox": {"delay_seconds": 60}})
    try:
        site.stack.wait_running(task["submission_id"], 40)
        yield task["id"]
    finally:
        site.stack.http.post(f"/v1/tasks/{task['id']}/cancel", json={}).raise_for_status()
