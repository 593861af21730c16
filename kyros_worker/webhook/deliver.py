"""What a worker of the fleet `webhooks` does: claim, send, record, many side by side.

A message names an endpoint that has something due. The process then delivers to that endpoint
until nothing is due any more: one thread claims for all such endpoints together, the attempts run
side by side on the process's event loop, and one thread records all that ended meanwhile. An
endpoint takes a few places at a time, so a slow one never holds up another.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, RowMapping

from kyros_worker import event_loop
from kyros_worker.clock import now
from kyros_worker.database import is_away, transaction
from kyros_worker.encrypt import decrypt
from kyros_worker.gathered import Gathered
from kyros_worker.group_commit import commit
from kyros_worker.log import FACTS
from kyros_worker.settings import current
from kyros_worker.webhook import sign
from kyros_worker.webhook.allowed import allowed, is_shown
from kyros_worker.webhook.claim import claim_deliveries
from kyros_worker.webhook.record import Attempted, give_back, record_attempts
from kyros_worker.webhook.schedule import retry_after_seconds
from kyros_worker.webhook.send import Answer, Sender

_LOG = logging.getLogger(__name__)
#: Attempts to one endpoint that run side by side in a process, and how many are claimed at once.
_PLACES = 32
_CLAIMED_AT_ONCE = 16
#: Attempts of a process beyond which an endpoint that has some begins no more: however many
#: endpoints hang, the others get their turn.
_CROWDED = 800
#: An endpoint is looked after for so long after its last delivery; new ones need no message then.
_LINGER_SECONDS = 1.5
_PAUSE_SECONDS = 0.05
_AWAY_SECONDS = 1.0
_GATHER_SECONDS = 0.01
#: How much longer than the attempt itself its lease lasts.
_LEASE_MARGIN_SECONDS = 15
_STOP_SECONDS = 4
_UNSENT = "It could not be sent: the log of the fleet says why."
_NOT_SHOWN = (
    "(The answer of a private address is shown where KYROS_WEBHOOK_ALLOWED_NETWORKS names it.)"
)


class _Sent(NamedTuple):
    headers: dict[str, str]
    answer: Answer


@dataclass(frozen=True)
class _Ended:
    row: RowMapping
    attempted: Attempted


class Deliverer:
    """The endpoints that this process looks after."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._messages: dict[str, list[Future[str]]] = {}
        self._outcomes: dict[str, Counter[str]] = {}
        self._quiet_since: dict[str, float] = {}
        self._running: Counter[str] = Counter()
        self._sending: dict[tuple[str, int], event_loop.Running[_Sent]] = {}
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._sender: Sender | None = None
        self._ended = Gathered(self._record, "attempts", _GATHER_SECONDS)

    def take(self, webhook_id: str) -> Future[str]:
        """Delivers what is due to an endpoint; the future ends when nothing is, for a moment.

        It tells how many deliveries stand how: "3 delivered, 1 pending".
        """
        done: Future[str] = Future()
        with self._changed:
            if self._stopping:
                done.set_result("nothing, for the worker stops")
                return done
            self._messages.setdefault(webhook_id, []).append(done)
            self._outcomes.setdefault(webhook_id, Counter())
            self._quiet_since[webhook_id] = time.monotonic()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._keep_claiming, name="deliveries", daemon=True
                )
                self._thread.start()
            self._changed.notify()
        return done

    def stop(self) -> None:
        """Claims no more; what is being sent may end within seconds, else somebody repeats it."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        deadline = time.monotonic() + _STOP_SECONDS
        if self._thread is not None:
            # What it claims last is among what is being sent.
            self._thread.join(_STOP_SECONDS)
        while self._sending and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
        left = dict(self._sending)
        for running in left.values():
            running.cancel()
        try:
            with transaction() as connection:
                give_back(connection, list(left))
        except Exception:  # noqa: BLE001 - the leases run out by themselves
            _LOG.warning("%s deliveries wait until their leases run out.", len(left))
        if self._sender is not None:
            event_loop.run(self._sender.close())

    def _keep_claiming(self) -> None:
        while not self._stopping:
            try:
                claimed = self._claim()
            except Exception as error:  # noqa: BLE001 - the thread must outlive any fault
                if is_away(error):
                    _LOG.warning("Deliveries wait: Postgres is away.")
                else:
                    _LOG.exception("Deliveries could not be claimed; trying again.")
                time.sleep(_AWAY_SECONDS)
                continue
            with self._changed:
                if not claimed and not self._stopping:
                    self._changed.wait(_PAUSE_SECONDS if self._messages else None)
        with self._changed:
            for webhook_id in list(self._messages):
                self._leave(webhook_id)

    def _claim(self) -> int:
        with self._changed:
            at = time.monotonic()
            is_crowded = self._running.total() >= _CROWDED
            most = 0 if is_crowded else _PLACES - _CLAIMED_AT_ONCE
            asked = [one for one in self._messages if self._running[one] <= most]
        if not asked:
            return 0
        times = current().configuration.webhooks
        with transaction() as connection:
            claimed = claim_deliveries(
                connection,
                asked,
                _CLAIMED_AT_ONCE,
                lease_seconds=times.timeout_seconds + _LEASE_MARGIN_SECONDS,
                order_seconds=times.order_seconds,
            )
        for row in claimed:
            self._send(row)
        busy = {row["webhook_id"] for row in claimed}
        with self._changed:
            for one in asked:
                if one in busy or self._running[one]:
                    self._quiet_since[one] = at
                elif at - self._quiet_since[one] > _LINGER_SECONDS:
                    self._leave(one)
        return len(claimed)

    def _leave(self, webhook_id: str) -> None:
        self._quiet_since.pop(webhook_id)
        outcomes = self._outcomes.pop(webhook_id)
        said = ", ".join(f"{count} {state}" for state, count in sorted(outcomes.items()))
        for done in self._messages.pop(webhook_id):
            done.set_result(said or "nothing due")

    def _send(self, row: RowMapping) -> None:
        key, at = (row["id"], row["claim"]), now()
        with self._changed:
            self._running[row["webhook_id"]] += 1
        running = event_loop.run(self._attempt(row, int(at.timestamp())))
        self._sending[key] = running

        def ended(found: "Future[_Sent]") -> None:
            try:
                sent = found.result()
            except CancelledError:
                return
            except Exception:  # noqa: BLE001 - it is told in the log of the delivery
                _LOG.exception("A delivery could not be sent.", extra=_named(row))
                sent = _Sent({}, Answer(None, b"", None, _UNSENT, 0, None, private=False))
            self._ended.put(_Ended(row, _attempted(row, at, sent)))

        running.add_done_callback(ended)

    async def _attempt(self, row: RowMapping, timestamp: int) -> _Sent:
        if self._sender is None:
            may = allowed()
            self._sender = Sender(may.networks, may.own)
        body, pending = row["body"].encode(), row["pending_secret"]
        headers = sign.headers(
            secret=decrypt(row["secret"], row["webhook_id"]),
            pending_secret=None if pending is None else decrypt(pending, row["webhook_id"]),
            event_id=row["event_id"],
            event_type=row["event_type"],
            delivery_id=row["id"],
            timestamp=timestamp,
            body=body,
            request_id=row["request_id"],
        )
        timeout = current().configuration.webhooks.timeout_seconds
        return _Sent(headers, await self._sender.send(row["url"], headers, body, timeout))

    def _record(self, ended: Sequence[_Ended]) -> None:
        while ended:
            outcomes = commit(_write, [one.attempted for one in ended])
            waiting = []
            for one, outcome in zip(ended, outcomes, strict=True):
                if isinstance(outcome, Exception) and is_away(outcome) and not self._stopping:
                    waiting.append(one)
                    continue
                if isinstance(outcome, BaseException):
                    told = _named(one.row)
                    _LOG.error("An attempt could not be recorded.", exc_info=outcome, extra=told)
                    self._settle(one, "unknown")
                else:
                    _tell(one, outcome)
                    self._settle(one, outcome)
            if waiting:
                time.sleep(_AWAY_SECONDS)
            ended = waiting

    def _settle(self, one: _Ended, outcome: str) -> None:
        webhook_id = one.row["webhook_id"]
        with self._changed:
            self._sending.pop((one.attempted.delivery_id, one.attempted.claim), None)
            self._running[webhook_id] -= 1
            if not self._running[webhook_id]:
                del self._running[webhook_id]
            if webhook_id in self._outcomes:
                self._outcomes[webhook_id][outcome] += 1
            self._changed.notify()


def _attempted(row: RowMapping, at: datetime, sent: _Sent) -> Attempted:
    answer = sent.answer
    return Attempted(
        delivery_id=row["id"],
        claim=row["claim"],
        at=at,
        duration_seconds=answer.duration_seconds,
        headers=sent.headers,
        status_code=answer.status,
        answer=_shown(answer),
        error=answer.error,
        retry_after_seconds=retry_after_seconds(answer.retry_after, at),
    )


def _shown(answer: Answer) -> str | None:
    """The beginning of an answer; what a private address says only where its network is named."""
    if answer.status is None:
        return None
    if answer.private and not is_shown(answer.address):
        return _NOT_SHOWN
    return answer.body.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _write(connection: Connection, attempts: Sequence[Attempted]) -> Sequence[str]:
    return record_attempts(connection, attempts, current().configuration.webhooks)


def _tell(ended: _Ended, outcome: str) -> None:
    """Writes the line of a delivery: neither its address nor its answer, which may be secret."""
    row, attempted = ended.row, ended.attempted
    FACTS.info(
        "delivery",
        outcome=outcome,
        status_code=attempted.status_code,
        attempt=row["attempts"] + 1,
        duration_ms=round(attempted.duration_seconds * 1000, 1),
        event_type=row["event_type"],
        event_id=row["event_id"],
        **_named(row),
    )


def _named(row: RowMapping) -> dict[str, str | None]:
    return {
        "delivery_id": row["id"],
        "task_id": row["task_id"],
        "webhook_id": row["webhook_id"],
        "request_id": row["request_id"],
    }


#: The one deliverer of this process.
deliverer = Deliverer()
