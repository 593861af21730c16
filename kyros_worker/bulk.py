"""Many rows in one statement: they travel as one JSON text, which Postgres takes apart.

A statement's text stays the same for any number of rows, so it is compiled once, and the cost of
a round trip is shared by all of them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Insert, TableValuedAlias, Text, bindparam, column, func, insert, select

from kyros_worker.database import Table


def rows_of(table: type[Table], parameter: str, columns: Iterable[str]) -> TableValuedAlias:
    """The rows of a JSON array, given as the parameter of that name, with the table's own types.

    Of each object the named columns are read; one that an object lacks is null.
    """
    types = table.__table__.c
    typed = [column(name, types[name].type) for name in columns]
    return (
        func.json_to_recordset(bindparam(parameter, type_=Text))
        .table_valued(*typed, name=parameter)
        .render_derived(with_types=True)
    )


def insert_rows(table: type[Table], parameter: str, columns: Iterable[str]) -> Insert:
    """Inserts the rows of a JSON array; the columns that are not named get their defaults."""
    rows = rows_of(table, parameter, columns)
    return insert(table).from_select(list(rows.c.keys()), select(*rows.c), include_defaults=False)


def as_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """The JSON array of rows; times, amounts and the values of JSON columns are taken as such."""
    return json.dumps(
        rows, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain
    )


def joined(arrays: Iterable[str]) -> str:
    """Several JSON arrays, none of them empty, as one."""
    return f"[{','.join(array[1:-1] for array in arrays)}]"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no value of a row")
