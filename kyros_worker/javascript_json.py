"""JSON in exactly the bytes that JavaScript writes.

A receiver of webhooks that signs `JSON.stringify(req.body)` signs what its own parser and writer
made of our bytes. So `JSON.stringify(JSON.parse(body))` must give them back unchanged: with
JavaScript's escapes and number forms, and its order of keys.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import orjson

#: The largest integer up to which JavaScript's numbers miss none.
MAX_SAFE_INTEGER = 2**53
#: Keys up to this one are array indices, which JavaScript puts first.
_MAX_INDEX = 2**32 - 2
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
#: ECMAScript writes numbers from 1e-6 up to 1e21 without an exponent.
_MIN_EXPONENT, _MAX_EXPONENT = -6, 21


def dumps(value: Any) -> bytes:
    """What `JSON.stringify(JSON.parse(s))` gives in Node, s being the JSON of the value.

    An integer beyond 2^53 either way becomes a string of its digits, since JavaScript would change
    it; NaN and the infinities become null. Raises TypeError for what JSON has not.
    """
    prepared = _prepared(value)
    try:
        return orjson.dumps(prepared)
    except orjson.JSONEncodeError:
        # A lone surrogate, or nesting beyond orjson's: a tenth as fast, and rare.
        return _text(value).encode()


def _prepared(value: Any) -> Any:
    """The value, of which orjson writes JavaScript's bytes unless a text has surrogates."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Mapping):
        made = {}
        indices = False
        for key, inner in value.items():
            indices = indices or "0" <= key < ":"
            made[key] = inner if type(inner) is str else _prepared(inner)
        return _ordered(made) if indices else made
    if isinstance(value, list | tuple):
        return [inner if type(inner) is str else _prepared(inner) for inner in value]
    if isinstance(value, int):
        return value if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else str(value)
    if isinstance(value, float):
        return _prepared_float(value)
    raise TypeError(f"JSON has no {type(value).__name__}.")


def _prepared_float(value: float) -> Any:
    if not math.isfinite(value):
        return None
    if value.is_integer() and abs(value) <= MAX_SAFE_INTEGER:
        # 50.0 is 50, and -0.0 is 0.
        return int(value)
    return orjson.Fragment(_number(value))


def _number(value: float) -> str:
    """A finite number as ECMAScript writes it: Python's shortest digits, laid out anew."""
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    leading = (whole + fraction).lstrip("0")
    # The value is 0.digits times ten to the power of point.
    point = int(exponent or 0) + len(leading) - len(fraction)
    digits = leading.rstrip("0")
    if not _MIN_EXPONENT < point <= _MAX_EXPONENT:
        rest = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{rest}e{point - 1:+d}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if point < len(digits):
        return f"{sign}{digits[:point]}.{digits[point:]}"
    return sign + digits.ljust(point, "0")


def _ordered(value: dict[str, Any]) -> dict[str, Any]:
    """The same with the array indices first, by number."""
    indices = [key for key in value if _INDEX.fullmatch(key) and int(key) <= _MAX_INDEX]
    return {key: value[key] for key in sorted(indices, key=int)} | value


def _text(value: Any) -> str:
    """The same JSON as orjson's, of texts with surrogates too."""
    if isinstance(value, str):
        return _quoted(_joined(value))
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, Mapping):
        # Two keys may become one; as in JavaScript, the later value takes the first one's place.
        joined = {_joined(key): inner for key, inner in value.items()}
        members = (f"{_quoted(key)}:{_text(inner)}" for key, inner in _ordered(joined).items())
        return f"{{{','.join(members)}}}"
    return orjson.dumps(_prepared(value)).decode()


def _joined(text: str) -> str:
    """The text in which no character is split into its two surrogates."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)
