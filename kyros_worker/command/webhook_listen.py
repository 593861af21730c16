"""`kyros webhooks listen`: events as they happen, for who develops a receiver.

Nothing can reach this machine, so the events are fetched: those of a disabled webhook are held with
their bodies, and its deliveries can be read like any other's.
"""

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

from kyros_worker.clock import now
from kyros_worker.command import webhook_text
from kyros_worker.command.client import Client
from kyros_worker.command.client_error import ClientError
from kyros_worker.command.printable import line
from kyros_worker.webhook import sign

URL = "https://example.com/kyros-webhooks-listen"
_DESCRIPTION = "kyros webhooks listen"
_PAUSE_SECONDS = 0.5
_FORWARD_SECONDS = 30.0
#: Ids are drawn before the commit, so an older one may show up among so many.
_NEWEST = 200
_SIGNALLED = 128


def is_address(url: str) -> bool:
    """Whether something can be posted there."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parts.scheme in ("http", "https") and bool(parts.host)


def listen(client: Client, events: Sequence[str], forward: str | None, secret: str | None) -> int:
    """Prints and forwards events until a signal comes; gives the exit code.

    The webhook is deleted whatever happens. Raises ClientError when it can't be read.
    """
    key = secret or sign.new_secret()
    body = {"url": URL, "events": list(events), "description": _DESCRIPTION}
    with _signals() as (stopped, received):
        webhook_id = client.create_webhook(body | {"secret": key, "enabled": False})["id"]
        try:
            if secret is None:
                print(f"The secret is {key}", flush=True)
            print(f"Listening with {line(webhook_id)}; Ctrl-C ends it.", file=sys.stderr)
            # A proxy of the environment can't reach this machine's loopback.
            with httpx.Client(trust_env=False, timeout=_FORWARD_SECONDS) as http:
                for delivery in _deliveries(client, webhook_id, stopped):
                    print(webhook_text.heard(delivery), flush=True)
                    if forward is not None:
                        print(f"  {_forward(http, forward, delivery, key)}", flush=True)
        finally:
            _delete(client, webhook_id)
    return _SIGNALLED + received[0]


@contextmanager
def _signals() -> Iterator[tuple[threading.Event, list[int]]]:
    """Whether to stop, and the signals that say so; a second Ctrl-C interrupts at once."""
    stopped, received = threading.Event(), list[int]()

    def stop(number: int, _: Any) -> None:
        received.append(number)
        stopped.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {one: signal.signal(one, stop) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped, received
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _deliveries(
    client: Client, webhook_id: str, stopped: threading.Event
) -> Iterator[dict[str, Any]]:
    """Each new delivery, oldest first, until `stopped`."""
    seen: set[str] = set()
    while not stopped.is_set():
        for delivery in _unseen(client, webhook_id, seen):
            if stopped.is_set():
                return
            seen.add(delivery["id"])
            is_passed = delivery["status"] == "overtaken"
            if not (is_passed and delivery["event_type"] == "task.progress"):
                yield delivery
        stopped.wait(_PAUSE_SECONDS)


def _unseen(client: Client, webhook_id: str, seen: set[str]) -> list[dict[str, Any]]:
    limit = _NEWEST
    while True:
        page = client.deliveries(webhook_id, limit)
        new = [one for one in reversed(page["deliveries"]) if one["id"] not in seen]
        # All are new: there may be older ones that are new too.
        if len(new) < limit or not page["has_more"]:
            return new
        limit *= 2


def _forward(http: httpx.Client, url: str, delivery: dict[str, Any], secret: str) -> str:
    """Posts a delivery as Kyros would; gives what came of it."""
    content = delivery["body"].encode()
    headers = sign.headers(
        secret=secret,
        pending_secret=None,
        event_id=delivery["event_id"],
        event_type=delivery["event_type"],
        delivery_id=delivery["id"],
        timestamp=int(now().timestamp()),
        body=content,
    )
    try:
        # What the receiver says is of no interest, and may be long.
        with http.stream("POST", url, content=content, headers=headers) as response:
            return f"HTTP {response.status_code}"
    except httpx.RequestError as error:
        return f"not received: {line(str(error) or type(error).__name__)}"


def _delete(client: Client, webhook_id: str) -> None:
    try:
        client.delete_webhook(webhook_id)
    except ClientError as error:
        left = f"{line(webhook_id)} is left: kyros webhooks delete {line(webhook_id)}"
        print(f"kyros: {error}\n{left}", file=sys.stderr)
