"""What the tables of the configuration's file have in common."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

_KINDS = {"tuple_type": "list", "model_type": "table", "dict_type": "table"}


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be an amount in USD")  # noqa: TRY004
    return value


#: An amount of money in USD, exact.
Usd = Annotated[
    Decimal,
    BeforeValidator(_no_bool),
    Field(ge=0, le=1_000_000, max_digits=15, allow_inf_nan=False),
]


class TomlTable(BaseModel):
    """A table of the file; a key that it doesn't know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


def sentence(error: ValidationError, tables: Mapping[str, Any] | None = None) -> str:
    """What is wrong, each with the setting's name before it.

    `tables` is what was read: an entry of `[[rules]]` is called by the name that it has there.
    """
    return "; ".join(_fault(fault, tables or {}) for fault in error.errors()) + "."


def _fault(fault: Any, tables: Mapping[str, Any]) -> str:
    place = _place(fault["loc"], tables)
    words = str(fault["msg"]).removeprefix("Value error, ").replace(" after validation", "")
    words = re.sub("^(Input|Tuple|String) should", "must", words)
    if fault["type"] == "extra_forbidden":
        words = "is not a known key"
    if fault["type"] in _KINDS:
        words = f"must be a {_KINDS[fault['type']]}"
    return f"{place}: {words}" if place else words


def _place(steps: tuple[int | str, ...], tables: Mapping[str, Any]) -> str:
    named = list(steps)
    match steps:
        case ("rules", int(position), *_):
            named[1] = _name(tables.get("rules"), position)
    return ".".join(map(str, named))


def _name(rules: object, position: int) -> str:
    """A rule's name where it can be shown, or which one it is, counted from 1."""
    match rules[position] if isinstance(rules, list) else None:
        case {"name": str(name)} if name and name.isprintable():
            return name
    return str(position + 1)
