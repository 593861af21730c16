"""The one strict JSON parser, and the one way to write JSON.

What the contract ("Conventions") asks for before any validation: 400 for what is not JSON, for a
repeated key and for bytes that are not UTF-8; 422 naming the place for NUL, lone surrogates (RFC
7493), NaN, infinities, numbers that become one, and nesting deeper than 64.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NoReturn

import orjson

from kyros_worker.errors import FieldError, InvalidError, MalformedRequestError

MAX_DEPTH = 64
#: Reading an integer costs the square of its digits: 65,536 take some 20 ms.
MAX_INTEGER_DIGITS = 65_536
sys.set_int_max_str_digits(MAX_INTEGER_DIGITS)
#: As many wrong places as an answer names, and as much of a place's name as it shows.
MAX_PLACES = 50
MAX_PLACE_LENGTH = 200

_SUSPECT_STRING = re.compile(rb"\\u0000|\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_INFINITIES = (float("inf"), float("-inf"))


class _Wrong:
    """Stands in the parsed value where a number was that no JSON value can hold."""

    def __init__(self, message: str) -> None:
        self.message = message


def loads(body: bytes) -> Any:
    """The value of a request's body.

    Raises MalformedRequestError (400) or InvalidError (422, each place named).
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequestError(
            f"The body is not valid UTF-8: byte {error.start} can't be read.",
        ) from None
    suspects: list[_Wrong] = []
    try:
        value = _parse(text, suspects)
    except json.JSONDecodeError as error:
        raise MalformedRequestError(
            f"The body is not valid JSON: {error.msg} at line {error.lineno}, "
            f"column {error.colno}.",
        ) from None
    except RecursionError:
        _refuse([FieldError("", f"is nested deeper than {MAX_DEPTH}")])
    many_brackets = body.count(b"[") + body.count(b"{") > MAX_DEPTH
    if suspects or _SUSPECT_STRING.search(body) or (many_brackets and _too_deep(value)):
        wrong = list(islice(_wrong_places(value), MAX_PLACES))
        if wrong:
            _refuse(wrong)
    return value


def loads_stored(text: str) -> Any:
    """A value that this process or another wrote with `dumps`."""
    return json.loads(text)


def dumps(value: Any, default: Callable[[Any], Any] | None = None) -> str:
    """Compact JSON with real Unicode; `default` gives what stands for a value that JSON has not.

    Times are written as RFC 3339 where there is a `default`. NaN and infinities, which no value
    that was read by `loads` holds, become null.
    """
    try:
        return orjson.dumps(value, default, _OPTIONS if default is None else None).decode()
    except orjson.JSONEncodeError:
        # An integer of more than 64 bits: a tenth as fast, and rare.
        return json.dumps(
            value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=default
        )


def canonical(value: Any) -> str:
    """JSON that is the same for values that differ in the order of their keys only."""
    return json.dumps(
        value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, sort_keys=True
    )


def text_fault(text: str) -> str | None:
    """What keeps a text out of Postgres and out of JSON, as words after a field's name."""
    if "\x00" in text:
        return "contains a NUL character"
    if _SURROGATE.search(text):
        return "contains a lone surrogate"
    return None


def _parse(text: str, suspects: list[_Wrong]) -> Any:
    try:
        return _decoder(suspects).decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        # An integer over the process's limit: a hook for each integer costs four times the
        # parsing, so only such a document is read again with one.
        suspects.clear()
        return _decoder(suspects, check_integers=True).decode(text)


def _decoder(suspects: list[_Wrong], *, check_integers: bool = False) -> json.JSONDecoder:
    def wrong(message: str) -> _Wrong:
        suspects.append(_Wrong(message))
        return suspects[-1]

    def integer(digits: str) -> int | _Wrong:
        if len(digits.removeprefix("-")) > MAX_INTEGER_DIGITS:
            return wrong(f"is an integer of more than {MAX_INTEGER_DIGITS} digits")
        return int(digits)

    def real(digits: str) -> float | _Wrong:
        number = float(digits)
        return wrong("is a number too large to keep") if number in _INFINITIES else number

    return json.JSONDecoder(
        object_pairs_hook=_unrepeated,
        parse_int=integer if check_integers else None,
        parse_float=real,
        parse_constant=lambda name: wrong(f"is {name}, which JSON has not"),
    )


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise MalformedRequestError(f'The key "{_shown(key)}" is repeated.')
            seen.add(key)
    return value


def _too_deep(value: Any) -> bool:
    """Whether containers are nested deeper than allowed, found level by level."""
    level = [value] if type(value) in (dict, list) else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for item in level
            for inner in (item.values() if type(item) is dict else item)
            if type(inner) in (dict, list)
        ]
        if not level:
            return False
    return True


def _wrong_places(value: Any) -> Iterator[FieldError]:
    """Every wrong place, found without recursion: the nesting may be near Python's own limit."""
    if fault := _fault(value):
        yield FieldError("", fault)
    stack: list[tuple[str, Any, int]] = [("", value, 0)]
    while stack:
        place, item, depth = stack.pop()
        if not isinstance(item, dict | list):
            continue
        if depth == MAX_DEPTH:
            yield FieldError(place, f"is nested deeper than {MAX_DEPTH}")
            continue
        containers = []
        entries: Iterable[tuple[Any, Any]] = (
            item.items() if isinstance(item, dict) else enumerate(item)
        )
        for key, inner in entries:
            if fault := _fault(key):
                yield FieldError(_inside(place, key), f"is a key that {fault}")
            if fault := _fault(inner):
                yield FieldError(_inside(place, key), fault)
            elif isinstance(inner, dict | list):
                containers.append((_inside(place, key), inner, depth + 1))
        stack.extend(reversed(containers))


def _fault(value: Any) -> str | None:
    if isinstance(value, str):
        return text_fault(value)
    return value.message if isinstance(value, _Wrong) else None


def _inside(place: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{place}[{key}]"
    return f"{place}.{key}" if place else key


def _shown(text: str) -> str:
    """A client's own text, safe and short enough to be shown in an answer."""
    text = text[:MAX_PLACE_LENGTH]
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\u0000")


def _refuse(wrong: list[FieldError]) -> NoReturn:
    shown = [FieldError(_shown(item.field), item.message) for item in wrong]
    first = shown[0]
    raise InvalidError(f"{first.field or 'The body'} {first.message}.", details=shown)
