"""The bases of what clients send: `Body` and `Query`, and the types of their fields.

Both refuse unknown fields, so that a typo is never lost silently, and neither converts: "5" and
`true` are no integers. What the classes say is also what the OpenAPI document says.
"""

import re
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema

_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)


class Body(BaseModel):
    """The JSON object of a request. Null means absent for every field that has a default."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        if not isinstance(value, dict) or None not in value.values():
            return value
        optional = {name for name, field in cls.model_fields.items() if not field.is_required()}
        return {
            name: inner
            for name, inner in value.items()
            if inner is not None or name not in optional
        }

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The schema, where every optional field may also be null."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, field in cls.model_fields.items():
            if not field.is_required() and name in properties:
                properties[name] = _or_null(properties[name])
        return schema


class NoBody(Body):
    """The body of a request that needs none: absent, or an empty object."""

    model_config = ConfigDict(openapi_extra={"required": False})  # type: ignore[typeddict-unknown-key]

    @model_validator(mode="before")
    @classmethod
    def _absent_is_empty(cls, value: Any) -> Any:
        return {} if value is None else value


class Query(BaseModel):
    """The query string of a request."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The same as pydantic's, made once: the web framework asks for it at every request."""
        return _query_schema(cls, args, tuple(kwargs.items()))

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The schema without null, which no query string can hold: absent is left out."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name in properties:
            properties[name] = _never_null(properties[name])
        return schema


@cache
def _query_schema(
    model: type[Query], args: tuple[Any, ...], kwargs: tuple[tuple[str, Any], ...]
) -> dict[str, Any]:
    return super(Query, model).model_json_schema(*args, **dict(kwargs))


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    inner = {name: schema[name] for name in schema if name not in _ANNOTATIONS}
    choices = inner["anyOf"] if list(inner) == ["anyOf"] else [inner]
    if {"type": "null"} in choices or not inner:
        return schema
    outer = {name: schema[name] for name in schema if name in _ANNOTATIONS}
    return {"anyOf": [*choices, {"type": "null"}], **outer}


def _never_null(schema: dict[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) != 1:
        return schema
    outer = {name: schema[name] for name in schema if name in _ANNOTATIONS}
    if outer.get("default", ...) is None:
        del outer["default"]
    return {**choices[0], **outer}


_ANNOTATIONS = {"title", "description", "default", "deprecated", "examples"}


def _decimal(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not _INTEGER.fullmatch(value):
        raise ValueError("must be a whole number in decimal digits")
    return int(value)


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 60.0 is the whole number 60."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _time(value: Any) -> Any:
    """Of `2026-01-31T09:30:00Z` the time; an offset is needed, since a time without is a guess."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError("must be a time such as 2026-01-31T09:30:00Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is no time that exists") from None


#: Stands last beside an integer of a body, so that it may be written in any way.
WHOLE = BeforeValidator(_whole)
#: An integer of a query string: ASCII decimal digits, nothing around them.
Decimal = Annotated[int, BeforeValidator(_decimal)]
#: RFC 3339 with an offset, of a body or a query string; aware and in UTC inside.
Time = Annotated[datetime, BeforeValidator(_time)]


class Page(Query):
    """Which part of a list: newest first, going on after a cursor."""

    limit: Decimal = Field(50, ge=1, le=200, description="As many as the answer holds at most.")
    cursor: str | None = Field(
        None,
        min_length=1,
        max_length=256,
        pattern="^[A-Za-z0-9_-]+$",
        description="`next_cursor` of the page before.",
    )
