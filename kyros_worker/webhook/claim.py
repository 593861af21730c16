"""Claiming deliveries that are due: several in two statements, each under a lease.

The first locks what is due, first tries before others; the second, whose snapshot is newer than
those locks, sees which of them must wait for an earlier one of their task. So whoever records that
earlier one meanwhile either was seen, or wakes the later one after this claim; or began before the
later one was written, and then it is looked at again.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Interval,
    RowMapping,
    Select,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.orm import aliased

from kyros_worker.bulk import is_one_of
from kyros_worker.prepared import PREPARED
from kyros_worker.webhook.tables import (
    Delivery,
    EventBody,
    Webhook,
    is_another_try,
    is_first_try,
    is_open,
)

_LOOK_AGAIN = timedelta(milliseconds=200)
#: Whoever records the earlier one wakes the later one, unless that was written while the record was
#: under way: then the two have not seen each other.
_LOOK_AGAIN_AT_ONE_BEING_SENT = timedelta(seconds=2)


def claim_deliveries(
    connection: Connection,
    webhook_ids: Sequence[str],
    most: int,
    *,
    lease_seconds: float,
    order_seconds: float,
) -> Sequence[RowMapping]:
    """Claims at most `most` due deliveries of each of these endpoints, and gives what to send.

    A delivery waits while an earlier one of its task and endpoint is open, for `order_seconds`
    after its event at most. A lease that has run out is due again: whoever held it has died.
    """
    times = {
        "lease": timedelta(seconds=lease_seconds),
        "patience": timedelta(seconds=order_seconds),
    }
    rooms = dict.fromkeys(webhook_ids, most)
    claimed: list[RowMapping] = []
    for due in (_FIRST, _AGAIN):
        # First tries that wait for an earlier one take no room: it may be a retry that they need.
        found = _claim(connection, due, rooms, most, times)
        claimed += found
        taken = Counter(row["webhook_id"] for row in found)
        rooms = {one: room - taken[one] for one, room in rooms.items() if taken[one] < room}
    return claimed


def _claim(
    connection: Connection,
    due: Select[tuple[str, str]],
    rooms: dict[str, int],
    most: int,
    times: dict[str, timedelta],
) -> Sequence[RowMapping]:
    """Claims of what is due as many of each endpoint as it has room for."""
    chosen = []
    seen: Counter[str] = Counter()
    for row in connection.execute(due, {"ids": list(rooms), "most": most}) if rooms else ():
        seen[row.webhook_id] += 1
        if seen[row.webhook_id] <= rooms[row.webhook_id]:
            chosen.append(row.id)
    if not chosen:
        return []
    return connection.execute(_CLAIM, {"ids": chosen, **times}).mappings().all()


def _due(*, first: bool) -> Select[tuple[str, str]]:
    endpoints = (
        select(Webhook.id)
        .where(is_one_of(Webhook.id, "ids"), Webhook.enabled, Webhook.deleted_at.is_(None))
        .subquery("endpoints")
    )
    due = (
        select(Delivery.id)
        .where(
            Delivery.webhook_id == endpoints.c.id,
            is_open(Delivery),
            is_first_try() if first else is_another_try(),
            Delivery.due_at <= func.now(),
        )
        .order_by(Delivery.due_at)
        .limit(bindparam("most", type_=Integer))
        .with_for_update(skip_locked=True)
        .lateral("due")
    )
    return (
        select(endpoints.c.id.label("webhook_id"), due.c.id)
        .select_from(endpoints.join(due, true()))
        .execution_options(**PREPARED)
    )


_FIRST = _due(first=True)
_AGAIN = _due(first=False)


def _seconds(parameter: str) -> ColumnElement[timedelta]:
    return cast(bindparam(parameter, type_=Interval), Interval)


_earlier = aliased(Delivery)
_blocked = (
    select(
        Delivery.id,
        select(
            case(
                (
                    _earlier.state == literal_column("'sending'"),
                    func.now() + cast(_LOOK_AGAIN_AT_ONE_BEING_SENT, Interval),
                ),
                else_=_earlier.due_at,
            )
        )
        .where(
            _earlier.webhook_id == Delivery.webhook_id,
            _earlier.task_id == Delivery.task_id,
            _earlier.seq < Delivery.seq,
            is_open(_earlier),
            Delivery.created_at > func.now() - _seconds("patience"),
        )
        .order_by(_earlier.seq.desc())
        .limit(1)
        .scalar_subquery()
        .label("until"),
    )
    .where(is_one_of(Delivery.id, "ids"))
    .cte("blocked")
)
_is_free = _blocked.c.until.is_(None)
_claimed = (
    update(Delivery)
    .where(Delivery.id == _blocked.c.id)
    .values(
        state=case((_is_free, "sending"), else_="pending"),
        due_at=case(
            (_is_free, func.now() + _seconds("lease")),
            else_=func.greatest(_blocked.c.until, func.now() + cast(_LOOK_AGAIN, Interval)),
        ),
        claim=Delivery.claim + 1,
    )
    .returning(
        Delivery.id,
        Delivery.webhook_id,
        Delivery.event_id,
        Delivery.event_type,
        Delivery.state,
        Delivery.claim,
        Delivery.attempts,
        Delivery.task_id,
        Delivery.request_id,
    )
    .cte("claimed")
)
_CLAIM = (
    select(
        _claimed, Webhook.url, Webhook.secret, Webhook.pending_secret, EventBody.body
    )
    .join(Webhook, Webhook.id == _claimed.c.webhook_id)
    .join(EventBody, EventBody.event_id == _claimed.c.event_id)
    .where(_claimed.c.state == "sending")
    .execution_options(**PREPARED)
)  # fmt: skip
