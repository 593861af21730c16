"""Rows that travel as one JSON text arrive as they were."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select

from kyros_worker.bulk import as_rows, joined, rows_of
from kyros_worker.cost.tables import ModelCall
from kyros_worker.database import read
from kyros_worker.event.tables import Event


def arrived(table, columns, rows):
    with read() as connection:
        found = select(*rows_of(table, "rows", columns).c)
        return [
            dict(row)
            for row in connection.execute(
                found, {"rows": as_rows(rows), "rows_count": len(rows)}
            ).mappings()
        ]


def test_every_type(schema):
    at = datetime(2026, 3, 1, 12, 30, 0, 123456, tzinfo=UTC)
    row = {
        "id": "call_1",
        "prompt": 'quotes " and \\ and \n, emoji 🎉, \u2028, a %s and a :name',
        "claim": 7,
        "latency_seconds": 0.1,
        "cost_usd": Decimal("0.000000123456789012345"),
        "started_at": at,
        "ended_at": None,
    }
    assert arrived(ModelCall, list(row), [row, row]) == [row, row]


@pytest.mark.parametrize(
    "data",
    [
        {"b": 1, "a": [1.5, 1e-7, None, True, {"é": "ü"}], "2": 2**70},
        {},
        {"null": None, "text": "null"},
    ],
)
def test_json_keeps_its_keys_in_order(schema, data):
    (found,) = arrived(Event, ["id", "data"], [{"id": "evt_1", "data": data}])
    assert found["data"] == data
    assert list(found["data"]) == list(data)


def test_what_an_object_lacks_is_null(schema):
    assert arrived(Event, ["id", "type"], [{"id": "evt_1"}]) == [{"id": "evt_1", "type": None}]


def test_no_rows(schema):
    assert arrived(Event, ["id"], []) == []


def test_joined():
    assert (
        joined([as_rows([{"a": 1}, {"a": 2}]), as_rows([{"a": 3}])]) == '[{"a":1},{"a":2},{"a":3}]'
    )


def test_what_no_column_holds_is_refused():
    with pytest.raises(TypeError, match="set"):
        as_rows([{"a": {1, 2}}])
