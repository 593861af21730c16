"""Reading server-sent events: bytes in, events out (pure).

Lines are cut at LF and CRLF alone: what Unicode calls a line's end may stand inside the JSON.
"""

from typing import Dict, Iterator, List, NamedTuple, Optional


class Message(NamedTuple):
    """One event as it was sent."""

    id: Optional[str]
    event: str
    data: str


class Reader:
    """Takes a stream's bytes as they come. An event that was cut off is left out."""

    def __init__(self) -> None:
        self._rest: List[bytes] = []
        self._fields: Dict[str, str] = {}

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """The events that these bytes complete. Raises ValueError for what is not UTF-8."""
        first, *others = chunk.split(b"\n")
        self._rest.append(first)
        for other in others:
            line = b"".join(self._rest).decode()
            self._rest = [other]
            message = self._take(line[:-1] if line.endswith("\r") else line)
            if message:
                yield message

    def _take(self, line: str) -> Optional[Message]:
        fields = self._fields
        if not line:
            self._fields = {}
            if "data" in fields:
                event = fields.get("event", "message")
                return Message(fields.get("id"), event, fields["data"])
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            again = name == "data" and name in fields
            fields[name] = f"{fields[name]}\n{value}" if again else value
        return None
