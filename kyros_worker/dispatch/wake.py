"""Telling the fleet `webhooks` which endpoints have something due: a message names an endpoint.

Who gets it delivers to that endpoint until nothing is due, so a second message is of use only when
the first was lost, or to have another process help: an endpoint is named again after a second,
then after pauses that double, for as long as something stays due. What was named is in this
process's memory alone: another dispatcher, or this one started again, names it once more, and a
message that is sent twice finds nothing to do.
"""

import time

from celery import Celery
from kombu.messaging import Producer
from redis import Redis
from sqlalchemy import Connection, func, or_, select

from kyros_worker.dispatch.message import send_message
from kyros_worker.prepared import PREPARED
from kyros_worker.queue.depth import depths
from kyros_worker.queue.names import DELIVER, WEBHOOKS
from kyros_worker.webhook.tables import Delivery, Webhook, is_another_try, is_first_try, is_open

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 300.0


class Waker:
    """Which endpoints were named when, by this process."""

    def __init__(self) -> None:
        self._named: dict[str, tuple[float, float]] = {}

    def wake(self, connection: Connection, redis: Redis, app: Celery, producer: Producer) -> int:
        """Names the endpoints that have something due; gives how many. Raises broker's errors.

        A queue that is empty has lost its messages, or has had them taken: then nothing that was
        named counts for longer than a first pause.
        """
        due = list(connection.execute(_DUE).scalars())
        self._named = {one: self._named[one] for one in due if one in self._named}
        at = time.monotonic()
        overdue = [one for one in due if self._is_over(one, at, _FIRST_PAUSE_SECONDS)]
        if not overdue:
            return 0
        empty = depths(redis, [WEBHOOKS])[WEBHOOKS] == 0
        chosen = [one for one in overdue if empty or self._is_over(one, at, None)]
        for webhook_id in chosen:
            send_message(app, producer, DELIVER, WEBHOOKS, webhook_id, shown=webhook_id, priority=0)
            _, pause = self._named.get(webhook_id, (at, _FIRST_PAUSE_SECONDS / 2))
            pause = _FIRST_PAUSE_SECONDS if empty else min(2 * pause, _LONGEST_PAUSE_SECONDS)
            self._named[webhook_id] = (at, pause)
        return len(chosen)

    def _is_over(self, webhook_id: str, at: float, pause: float | None) -> bool:
        named = self._named.get(webhook_id)
        return named is None or at - named[0] >= (pause or named[1])


_DUE = (
    select(Webhook.id)
    .where(
        Webhook.enabled,
        Webhook.deleted_at.is_(None),
        or_(
            *(
                select(Delivery.id)
                .where(
                    Delivery.webhook_id == Webhook.id,
                    is_open(Delivery),
                    tried,
                    Delivery.due_at <= func.now(),
                )
                .exists()
                for tried in (is_first_try(), is_another_try())
            )
        ),
    )
    .order_by(Webhook.id)
    .execution_options(**PREPARED)
)
