"""Endpoints of a receiver at a running stack."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.acceptance.stack import Deployment
from tests.receiver import SECRET, Receiver

EVENTS = ["task.created", "task.started", "task.completed"]


@contextmanager
def endpoints(stack: Deployment, receiver: Receiver, *paths: str) -> Iterator[dict[str, str]]:
    """The ids of endpoints at these paths, deleted at the end."""
    made = {}
    try:
        for path in paths:
            body = {"url": receiver.url(path), "events": EVENTS, "secret": SECRET}
            answer = stack.http.post("/v1/webhooks", json=body)
            assert answer.status_code == 201, answer.text
            made[path] = answer.json()["data"]["id"]
        yield made
    finally:
        for webhook_id in made.values():
            stack.http.delete(f"/v1/webhooks/{webhook_id}").raise_for_status()
