"""Folding increments into sums: the sweep of any dispatcher, one at a time.

What is folded leaves the table of increments in the statement that adds it to the sums, so a
sweep that is killed has either done both or nothing.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import (
    ColumnElement,
    Connection,
    delete,
    func,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert

from kyros_worker.clock import now
from kyros_worker.database import Table
from kyros_worker.rollup.spans import AN_HOUR
from kyros_worker.rollup.tables import (
    BEGINNING,
    EVER,
    FOLDED,
    HOUR,
    MINUTE,
    LabelledType,
    QueueSample,
    TaskSum,
)

_LOCK = 4_152_639
#: How many increments of a table one step folds at most.
AT_ONCE = 20_000
#: The longest period that anybody can ask for is 30 days.
_KEPT = timedelta(days=32)
#: So many types of tasks of a mode have a label of their own in `/metrics`.
MOST_LABELS = 50
_MODES = ("live", "test")


def fold(connection: Connection) -> int:
    """Folds what is there, up to a bound; gives how many increments that were.

    0 while another process folds.
    """
    if not connection.execute(select(func.pg_try_advisory_xact_lock(_LOCK))).scalar():
        return 0
    count: int = sum(connection.execute(one).scalar_one() for one in _FOLDS)
    if count:
        _label(connection)
    return count


def forget_old(connection: Connection) -> None:
    """Deletes the sums and samples of minutes and hours that no period reaches any more."""
    before = now() - _KEPT
    for sums, _ in FOLDED:
        kept = sums.__table__.c
        old = (kept.span.in_((MINUTE, HOUR)), kept.mode.in_(_MODES), kept.at < before)
        connection.execute(delete(sums).where(*old))
    connection.execute(delete(QueueSample).where(QueueSample.at < before))


def aggregated(columns: Sequence[Any]) -> list[Any]:
    """The additive columns of sums, added up, each as its own type."""
    return [sa.cast(_MERGED.get(one.key, _SUM)(one), one.type).label(one.key) for one in columns]


def additive(sums: type[Table]) -> list[str]:
    """The names of the columns that are added up, or of which the least or most is kept."""
    return [one.key for one in sums.__table__.columns if not one.primary_key]


_SUM: Any = func.sum
_MERGED: dict[str, Any] = {"least_seconds": func.min, "most_seconds": func.max}
_KEPT_OF_TWO: dict[str, Any] = {"least_seconds": func.least, "most_seconds": func.greatest}


def _folding(sums: type[Table], increments: sa.Table) -> Any:
    place: ColumnElement[Any] = literal_column("ctid")
    some = select(place).select_from(increments).limit(AT_ONCE).scalar_subquery()
    taken = (
        delete(increments)
        .where(place == func.any(func.array(some)))
        .returning(*increments.c)
        .cte("taken")
    )
    table = cast("sa.Table", sums.__table__)
    keys = [one.key for one in table.primary_key.columns if one.key not in ("span", "at")]
    values = additive(sums)
    hours = func.date_bin(literal(AN_HOUR), taken.c.at, literal(BEGINNING))
    beginnings = {MINUTE: taken.c.at, HOUR: hours, EVER: literal(BEGINNING)}
    spans = union_all(
        *(
            select(
                literal_column(f"'{span}'", sa.String).label("span"),
                at.label("at"),
                *(taken.c[name] for name in (*keys, *values)),
            )
            for span, at in beginnings.items()
        )
    ).subquery("spans")
    names = ["span", "at", *keys]
    grouped = select(
        *(spans.c[name] for name in names), *aggregated([spans.c[name] for name in values])
    ).group_by(*(spans.c[name] for name in names))
    new = insert(sums).from_select([*names, *values], grouped)
    both = {
        name: _KEPT_OF_TWO[name](table.c[name], new.excluded[name])
        if name in _KEPT_OF_TWO
        else table.c[name] + new.excluded[name]
        for name in values
    }
    folded = new.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=both)
    return select(func.count()).select_from(taken).add_cte(folded.cte("folded"))


_FOLDS = tuple(_folding(sums, increments) for sums, increments in FOLDED)


def _label(connection: Connection) -> None:
    """Gives types that are new a label of their own, as long as there is room.

    In the transaction that first folds them: before, they are not in `/metrics` at all, so what
    had no label of its own never gets one later.
    """
    seen = select(TaskSum.mode, TaskSum.type).where(TaskSum.span == EVER).distinct()
    has = select(LabelledType.mode, LabelledType.type)
    labelled = [tuple(row) for row in connection.execute(has)]
    for mode, name in connection.execute(seen.except_(has).order_by("type")).all():
        if sum(one == mode for one, _ in labelled) < MOST_LABELS:
            labelled.append((mode, name))
            connection.execute(insert(LabelledType).values(mode=mode, type=name))
