"""JSON in and out: what is read remembers its digits, and a Decimal is sent with all of its own."""

import json
import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any, Optional, Union


class Number(float):
    """A JSON number with a fraction: a float that remembers how it was written."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: Union[str, float]) -> "Number":  # noqa: PYI034 - Self is newer than Python 3.8
        """Made of the number's text; of a float when it is copied."""
        self = super().__new__(cls, text)
        self.text = str(text)
        return self


def money(value: Any) -> Optional[Decimal]:
    """An amount in USD, exactly as it was written; None for null and for what is no number."""
    if isinstance(value, Number):
        return Decimal(value.text)
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    return Decimal(str(value))


def loads(content: bytes) -> Any:
    """The JSON value in an answer. Raises ValueError when it is none."""
    try:
        return json.loads(content, parse_float=Number, parse_int=_integer)
    except RecursionError:
        raise ValueError("The JSON is nested too deep.") from None


def dumps(value: Any) -> bytes:
    """A request's body. Raises TypeError or ValueError for what JSON can't say."""
    # The library writes no Decimal, but a text: quotes and mark are taken off it afterwards.
    mark = uuid.uuid4().hex

    def plain(value: Any) -> Any:
        if isinstance(value, Decimal) and value.is_finite():
            return f"{mark}{value}{mark}"
        return _plain(value)

    text = json.dumps(
        value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=plain
    )
    return text.replace(f'"{mark}', "").replace(f'{mark}"', "").encode()


def _integer(text: str) -> Union[int, Decimal]:
    """An integer; a Decimal where it has more digits than Python reads as one (4,300)."""
    try:
        return int(text)
    except ValueError:
        return Decimal(text)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "to_dict"):
        return value.to_dict()
    raise TypeError(f"{type(value).__name__} is nothing that JSON can say.")
