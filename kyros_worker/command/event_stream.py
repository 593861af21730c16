"""Reading server-sent events: bytes in, events out (pure).

Lines are cut at LF and CRLF alone: what Unicode calls a line's end may stand inside the JSON.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kyros_worker import strict_json


@dataclass(frozen=True)
class Event:
    """One event: `seq` is its id, 0 where it had none, and `data` its JSON."""

    seq: int
    type: str
    data: Any


def events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """The events of a stream. One that was cut off is left out: a resumed stream has it again.

    Raises ValueError for an event that is none of this API's.
    """
    fields: dict[str, str] = {}
    for text in _lines(chunks):
        if not text:
            if "data" in fields:
                yield _event(fields)
            fields = {}
        elif not text.startswith(":"):
            name, _, value = text.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name in fields else value


def _event(fields: dict[str, str]) -> Event:
    seq = int(fields.get("id", "0"))
    return Event(seq, fields.get("event", "message"), strict_json.loads_stored(fields["data"]))


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    rest: list[bytes] = []
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        rest.append(first)
        for other in others:
            yield b"".join(rest).removesuffix(b"\r").decode()
            rest = [other]
