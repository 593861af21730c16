"""Folding increments into sums: the sweep of any dispatcher, one at a time.

What is folded leaves the table of increments in the statement that adds it to the sums, so a
sweep that is killed has either done both or nothing.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
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
    TASK_INCREMENTS,
    LabelledType,
    QueueSample,
)

_LOCK = 4_152_639
#: How many increments of a table one step folds at most.
AT_ONCE = 20_000
#: The longest period that anybody can ask for is 30 days.
_KEPT = timedelta(days=32)
#: So many types of tasks of a mode have sums of their own, and a label in `/metrics`.
MOST_LABELS = 50
#: The types that came when every label was taken, together.
OTHER = "other"
_MODES = ("live", "test")


def fold(connection: Connection) -> int:
    """Folds what is there, up to a bound; gives how many increments that were.

    0 while another process folds.
    """
    if not connection.execute(select(func.pg_try_advisory_xact_lock(_LOCK))).scalar():
        return 0
    _label(connection)
    bounds = {"at_once": AT_ONCE, "most_labels": MOST_LABELS}
    count: int = sum(connection.execute(one, bounds).scalar_one() for one in _FOLDS)
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
    some = select(place).select_from(increments).limit(bindparam("at_once"))
    if increments is TASK_INCREMENTS:
        some = some.where(_IS_DECIDED)
    taken: Any = (
        delete(increments)
        .where(place == func.any(func.array(some.scalar_subquery())))
        .returning(*increments.c)
        .cte("taken")
    )
    if increments is TASK_INCREMENTS:
        taken = _under_labels(taken)
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


_HAS_LABEL = select(LabelledType.mode, LabelledType.type)
_FULL = (
    select(LabelledType.mode)
    .group_by(LabelledType.mode)
    .having(func.count() >= bindparam("most_labels"))
)
#: Whether it is known under which type an increment counts: its own, or OTHER.
_IS_DECIDED = or_(
    tuple_(TASK_INCREMENTS.c.mode, TASK_INCREMENTS.c.type).in_(_HAS_LABEL),
    TASK_INCREMENTS.c.mode.in_(_FULL),
)


def _under_labels(taken: Any) -> Any:
    """Increments of tasks, the types that have no label together: types are open words."""
    has_label = and_(LabelledType.mode == taken.c.mode, LabelledType.type == taken.c.type)
    name = func.coalesce(LabelledType.type, OTHER).label("type")
    columns = [name if one.key == "type" else one for one in taken.c]
    return select(*columns).select_from(taken.outerjoin(LabelledType, has_label)).cte("labelled")


_FOLDS = tuple(_folding(sums, increments) for sums, increments in FOLDED)


def _label(connection: Connection) -> None:
    """Gives types that are new a label of their own, as long as there is room.

    Before they are folded: what is told as OTHER never gets a label later.
    """
    taken = Counter(row.mode for row in connection.execute(_HAS_LABEL))
    some = select(TASK_INCREMENTS.c.mode, TASK_INCREMENTS.c.type).limit(AT_ONCE).subquery()
    new = select(some).distinct().except_(_HAS_LABEL).order_by("type")
    for mode, name in connection.execute(new).all():
        if taken[mode] < MOST_LABELS:
            taken[mode] += 1
            connection.execute(insert(LabelledType).values(mode=mode, type=name))
