from datetime import UTC, datetime

import pytest
from pydantic import Field, ValidationError

from kyros_worker.schemas import Body, Decimal, NoBody, Page, Query, Time


class Sample(Body):
    name: str
    count: int = 3
    share: float | None = None
    at: Time | None = None
    inner: list["Sample"] = Field(default_factory=list)


class Filter(Query):
    since: Time | None = None
    number: Decimal = 1


def test_null_means_absent_for_optional_fields_alone():
    found = Sample.model_validate({"name": "x", "count": None, "at": None})
    assert found == Sample(name="x")
    assert found.model_fields_set == {"name"}
    with pytest.raises(ValidationError):
        Sample.model_validate({"name": None})


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"name": 123},
        {"name": True},
        {"name": "x", "count": "5"},
        {"name": "x", "count": True},
        {"name": "x", "count": 1.0},
        {"name": "x", "share": "1.5"},
        {"name": "x", "other": 1},
        {"name": "x", "inner": {}},
        {"name": "x", "inner": [{}]},
        {"name": "x", "at": 5},
        {"name": "x", "at": "2026-01-31"},
        {"name": "x", "at": "2026-01-31T00:00:00"},
        {"name": "x", "at": "2026-02-31T00:00:00Z"},
        {"name": "x", "at": "٢026-01-31T00:00:00Z"},
        {"name": "x", "at": "0001-01-01T00:00:00+14:00"},
        [],
        "x",
        None,
    ],
)
def test_bodies_are_strict(wrong):
    with pytest.raises(ValidationError):
        Sample.model_validate(wrong)


def test_times_are_utc_inside():
    found = Sample.model_validate({"name": "x", "at": "2026-01-31T10:00:00.5+01:00"})
    assert found.at == datetime(2026, 1, 31, 9, 0, 0, 500_000, tzinfo=UTC)
    assert found.at.tzinfo is UTC


def test_schema_says_where_null_is_allowed():
    properties = Sample.model_json_schema()["$defs"]["Sample"]["properties"]
    assert properties["name"]["type"] == "string"
    for name in ("count", "share", "at", "inner"):
        assert {"type": "null"} in properties[name]["anyOf"]
    assert properties["count"]["default"] == 3


@pytest.mark.parametrize("text", ["1e2", " 5", "5 ", "٣", "+5", "1_0", "", "0x1", "5.0", "9" * 19])
def test_query_integers_are_ascii_digits(text):
    with pytest.raises(ValidationError):
        Filter.model_validate({"number": text})


def test_query():
    assert Filter.model_validate({"number": "-7"}).number == -7
    assert Page.model_validate({"limit": "200"}).limit == 200
    for wrong in ({"limit": "0"}, {"limit": "201"}, {"cursor": ""}, {"cursor": "é"}, {"limt": "5"}):
        with pytest.raises(ValidationError):
            Page.model_validate(wrong)


def test_query_schema_is_made_once_and_never_null():
    assert Filter.model_json_schema() is Filter.model_json_schema()
    assert "anyOf" not in str(Filter.model_json_schema())


def test_no_body():
    NoBody.model_validate(None)
    NoBody.model_validate({})
    with pytest.raises(ValidationError):
        NoBody.model_validate({"a": 1})
