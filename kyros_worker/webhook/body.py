"""What a delivery says, as bytes: written once, stored, signed and sent."""

from collections.abc import Mapping
from typing import Any

from kyros_worker.javascript_json import dumps

#: Some receivers' frameworks refuse more than 102,400 bytes.
MAX_BYTES = 100_000
TEST_BODY = b'{"type":"test","data":{}}'

_NEVER_CUT = frozenset({"id", "task_id", "type", "status", "title", "url"})
#: How many characters of a text and how many items of a list are kept, tried in this order. No
#: text is cut below what a short field, such as a name, may hold.
_CUTS: tuple[tuple[int, int | None], ...] = (
    (80_000, None), (40_000, None), (20_000, None), (10_000, None), (5_000, None), (2_000, None),
    (1_000, None), (300, None), (300, 100), (300, 20), (300, 5),
)  # fmt: skip
#: The fields of any size and form, with what stands for one that is left out.
_FREE_FORM: Mapping[str, Any] = {"result": None, "metadata": {}}


def body(event_id: str, event_type: str, created_at: str, data: Mapping[str, Any]) -> bytes:
    """The body of an event, in the bytes that JavaScript would write, at most MAX_BYTES.

    Where the data is larger, its long texts are cut (each ends in "…" then), lists are shortened
    if that isn't enough, and at the very last `result` and `metadata` are left empty. Data that was
    cut says so (`truncated`) and keeps its short fields, `title` and `url` among them.
    """
    start = {"id": event_id, "type": event_type, "created_at": created_at}
    made = dumps({**start, "data": data})
    if len(made) <= MAX_BYTES:
        return made
    shorter: dict[str, Any] = {}
    for characters, items in _CUTS:
        shorter = {
            name: inner if name in _NEVER_CUT else _cut(inner, characters, items)
            for name, inner in data.items()
        }
        shorter["truncated"] = True
        made = dumps({**start, "data": shorter})
        if len(made) <= MAX_BYTES:
            return made
    for name, empty in _FREE_FORM.items():
        if name in shorter:
            shorter[name] = empty
            made = dumps({**start, "data": shorter})
            if len(made) <= MAX_BYTES:
                return made
    raise ValueError(f"The data of {event_id} is too large for a webhook even when it is cut.")


def _cut(value: Any, characters: int, items: int | None) -> Any:
    if isinstance(value, str):
        return value if len(value) <= characters else f"{value[: characters - 1]}…"
    if isinstance(value, list | tuple):
        return [_cut(inner, characters, items) for inner in value[:items]]
    if isinstance(value, Mapping):
        return {key: _cut(inner, characters, items) for key, inner in value.items()}
    return value
