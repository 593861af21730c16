"""Many rows in one statement: they travel as one JSON text, which Postgres takes apart.

A statement's text stays the same for any number of rows, so it is compiled once, and the cost of
a round trip is shared by all of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnClause,
    ColumnElement,
    Connection,
    Insert,
    Integer,
    Select,
    Subquery,
    TableValuedAlias,
    Text,
    Update,
    bindparam,
    column,
    func,
    insert,
    select,
    update,
)

from kyros_worker import strict_json
from kyros_worker.database import Table
from kyros_worker.prepared import PREPARED


@dataclass(frozen=True, eq=False)
class BulkWrite:
    """One kind of change, for any number of rows: they are the parameter of that name."""

    name: str
    #: What is read of each row; one that lacks a column has null there.
    columns: tuple[str, ...]
    statement: Insert | Update

    def rows(self, rows: Iterable[Mapping[str, Any]]) -> str:
        """What is read of these rows, as the JSON array."""
        return as_rows([{name: row.get(name) for name in self.columns} for row in rows])

    def parameters(self, rows: str, count: int) -> dict[str, Any]:
        """The statement's parameters, for an array of so many rows."""
        return {self.name: rows, f"{self.name}_count": count}


def rows_of(
    table: type[Table], parameter: str, columns: Iterable[str], *others: ColumnClause[Any]
) -> Subquery:
    """The rows of a JSON array, given as the parameter of that name, with the table's own types.

    Of each object the named columns are read, and `others`; one that an object lacks is null. How
    many rows there are is the parameter `<name>_count`: Postgres would guess a hundred, and read
    a whole table to find two.
    """
    types = table.__table__.c
    typed = [*(column(name, types[name].type) for name in columns), *others]
    count = bindparam(f"{parameter}_count", type_=Integer)
    return select(*_recordset(parameter, typed).c).limit(count).subquery(f"{parameter}_rows")


def inserting(name: str, table: type[Table], columns: Iterable[str]) -> BulkWrite:
    """Inserts rows; the columns that are not named get their defaults."""
    rows = rows_of(table, name, columns)
    names = tuple(rows.c.keys())
    statement = insert(table).from_select(names, select(*rows.c), include_defaults=False)
    return BulkWrite(name, names, statement)


def updating(name: str, table: type[Table], columns: Sequence[str]) -> BulkWrite:
    """Sets all these columns of the rows whose `id` is given."""
    rows = rows_of(table, name, ["id", *columns])
    values = {one: rows.c[one] for one in columns}
    statement = update(table).where(table.__table__.c.id == rows.c.id).values(values)
    return BulkWrite(name, ("id", *columns), statement)


def is_one_of(column: Any, parameter: str) -> ColumnElement[bool]:
    """Whether a column's value is in the list given as the parameter of that name.

    The statement's text stays the same for a list of any length.
    """
    values: BindParameter[Any] = bindparam(parameter, type_=ARRAY(column.type))
    return cast("ColumnElement[bool]", column == func.any(values))


def as_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """The JSON array of rows; times, amounts and the values of JSON columns are taken as such."""
    return strict_json.dumps(rows, _plain)


def joined(arrays: Iterable[str]) -> str:
    """Several JSON arrays, none of them empty, as one."""
    return f"[{','.join(array[1:-1] for array in arrays)}]"


@lru_cache(maxsize=64)
def together(*kinds: BulkWrite) -> Select[*tuple[Any, ...]]:
    """Several kinds of change, and the notices that go out when they are committed, as one.

    Its parameters are each kind's, and `notices`: rows with a `channel` and a `payload`. No row
    may be changed by two of the kinds.
    """
    notices = _recordset("notices", [column("channel", Text), column("payload", Text)])
    told = select(func.pg_notify(notices.c.channel, notices.c.payload))
    kept = told.add_cte(*(kind.statement.cte(kind.name) for kind in kinds))
    return kept.execution_options(**PREPARED)


class Writes:
    """What a transaction is going to write, gathered, so that it goes out as one statement."""

    def __init__(self) -> None:
        self._rows: defaultdict[BulkWrite, list[Mapping[str, Any]]] = defaultdict(list)
        self._notices: dict[tuple[str, str], None] = {}
        self._last: defaultdict[Completion, list[Any]] = defaultdict(list)

    def add(self, kind: BulkWrite, *rows: Mapping[str, Any]) -> None:
        """Adds rows of a kind."""
        self._rows[kind].extend(rows)

    def add_once(self, kind: BulkWrite, row: Mapping[str, Any]) -> None:
        """Adds a row that may change until it is written, as it is then."""
        if not any(added is row for added in self._rows[kind]):
            self._rows[kind].append(row)

    def notify(self, channel: str, payload: str = "") -> None:
        """Tells who listens on a channel, when the transaction commits."""
        self._notices[channel, payload] = None

    def complete(self, completion: "Completion", *items: Any) -> None:
        """Has `completion` called once with all its items, before anything is written."""
        self._last[completion].extend(items)

    def execute(self, connection: Connection) -> None:
        """Writes all of it."""
        for completion, items in self._last.items():
            completion(connection, self, items)
        kinds = sorted((kind for kind, rows in self._rows.items() if rows), key=_name)
        parameters: dict[str, Any] = {}
        for kind in kinds:
            rows = self._rows[kind]
            parameters |= kind.parameters(kind.rows(rows), len(rows))
        notices = [{"channel": channel, "payload": told} for channel, told in self._notices]
        if kinds or notices:
            connection.execute(together(*kinds), parameters | {"notices": as_rows(notices)})


#: Adds what follows from the items that a transaction has gathered, all of them at once.
Completion = Callable[[Connection, Writes, Sequence[Any]], None]


def _recordset(parameter: str, columns: list[ColumnClause[Any]]) -> TableValuedAlias:
    rows = func.json_to_recordset(bindparam(parameter, type_=Text))
    return rows.table_valued(*columns).render_derived(with_types=True)


def _name(kind: BulkWrite) -> str:
    return kind.name


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no value of a row")
