"""Reading sums over steps of time, exactly: folded or not yet, in one snapshot."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import (
    ARRAY,
    Connection,
    RowMapping,
    Select,
    bindparam,
    func,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.sql.selectable import LateralFromClause
from sqlalchemy.types import TypeEngine

from kyros_worker.database import Table
from kyros_worker.rollup.fold import aggregated
from kyros_worker.rollup.spans import MOMENT, Piece, pieces
from kyros_worker.rollup.tables import EVER, FOLDED

_AT = sa.TIMESTAMP(timezone=True)
_COLUMNS: dict[str, TypeEngine[Any]] = {
    "step": sa.Integer(),
    "span": sa.String(),
    "begin": _AT,
    "end": _AT,
}


def _pieces() -> Any:
    """The pieces, as a table: each of their columns is a parameter, an array."""
    arrays: Iterator[Any] = (bindparam(name, type_=ARRAY(of)) for name, of in _COLUMNS.items())
    columns: Iterator[Any] = (sa.column(name, of) for name, of in _COLUMNS.items())
    return func.unnest(*arrays).table_valued(*columns).render_derived(name="pieces")


PIECES = _pieces()
MODE = bindparam("mode", type_=sa.String())


class Sums:
    """How a table of sums is read: by which of its keys, and which of its values.

    `moments` reads the rows themselves, laterally to PIECES, with the same columns.
    """

    def __init__(
        self,
        sums: type[Table],
        keys: Sequence[str],
        values: Sequence[str],
        moments: LateralFromClause | None = None,
    ) -> None:
        self._keys, self.values = keys, values
        self._increments = dict(FOLDED)[sums]
        table = sums.__table__.c
        of_piece = self._grouped(
            sums.__table__,
            table.span == PIECES.c.span,
            table.mode == MODE,
            table.at >= PIECES.c.begin,
            table.at < PIECES.c.end,
        ).lateral("found")
        open_ones = self._grouped(
            self._increments,
            self._increments.c.mode == MODE,
            self._increments.c.at >= bindparam("since", type_=_AT),
        )
        parts = [
            self._of_pieces(of_piece, PIECES.c.span != MOMENT),
            open_ones.add_columns(null().label("step"), self._increments.c.at.label("at")).group_by(
                self._increments.c.at
            ),
        ]
        if moments is not None:
            parts.append(self._of_pieces(moments, PIECES.c.span == MOMENT))
        self._statement = union_all(*parts)
        ever = (table.span == EVER, table.mode == MODE)
        self._ever = union_all(
            self._grouped(sums.__table__, *ever).add_columns(true().label("folded")),
            self._grouped(self._increments, self._increments.c.mode == MODE).add_columns(
                sa.false().label("folded")
            ),
        )

    def over(
        self, connection: Connection, mode: str, bounds: Sequence[datetime]
    ) -> list[tuple[int, RowMapping]]:
        """What is summed in each step between the bounds, by the number of the step.

        Several rows of one step may have the same keys: they are to be added up. Bounds that are
        no whole minutes need `moments`.
        """
        cut = pieces(bounds)
        arrays = {name: [one[place] for one in cut] for place, name in enumerate(_COLUMNS)}
        values = {**arrays, "mode": mode, "since": bounds[0]}
        rows = connection.execute(self._statement, values).mappings().all()
        found = []
        begins = [one.begin for one in cut]
        for row in rows:
            step = row["step"] if row["at"] is None else _step(cut, begins, row["at"])
            if step is not None:
                found.append((step, row))
        return found

    def ever(self, connection: Connection, mode: str) -> Sequence[RowMapping]:
        """What is summed since the beginning; `folded` is false of what is not folded yet."""
        return connection.execute(self._ever, {"mode": mode}).mappings().all()

    def _grouped(self, table: Any, *which: Any) -> Select[Any]:
        keys = [table.c[name] for name in self._keys]
        values = [table.c[name] for name in self.values]
        return select(*keys, *aggregated(values)).where(*which).group_by(*keys)

    def _of_pieces(self, found: Any, which: Any) -> Select[Any]:
        columns = [found.c[name] for name in (*self._keys, *self.values)]
        at = sa.cast(null(), _AT).label("at")
        return select(*columns, PIECES.c.step, at).select_from(PIECES.join(found, which))


def _step(cut: Sequence[Piece], begins: Sequence[datetime], minute: datetime) -> int | None:
    """The step that a whole minute is in; None where the rows themselves tell of it."""
    place = bisect_right(begins, minute) - 1
    if place < 0 or minute >= cut[place].end or cut[place].span == MOMENT:
        return None
    return cut[place].step
