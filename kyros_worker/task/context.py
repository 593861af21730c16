"""What the models are shown beside a task: its limits, and how more of it joins."""

from typing import Any

from kyros_worker import strict_json

_FILES_BYTES = 1024 * 1024
_CONTEXT_BYTES = 1536 * 1024


def checked(context: dict[str, Any]) -> dict[str, Any]:
    """The context itself; raises ValueError when its files or its size are not as they must be."""
    files = context.get("files")
    if files is not None:
        if not isinstance(files, dict) or not all(isinstance(one, str) for one in files.values()):
            raise ValueError("files must be an object from path to text")
        size = sum(len(path.encode()) + len(text.encode()) for path, text in files.items())
        if size > _FILES_BYTES:
            raise ValueError(f"files are {size} bytes together; at most {_FILES_BYTES} fit")
    size = len(strict_json.dumps(context).encode())
    if size > _CONTEXT_BYTES:
        raise ValueError(f"is {size} bytes as JSON; at most {_CONTEXT_BYTES} fit")
    return context


def joined(before: dict[str, Any], added: dict[str, Any]) -> dict[str, Any]:
    """Both contexts as one: files by path, recent changes one after the other, else the newer.

    Of files and recent changes null means absent: what was there stays.
    Raises ValueError when they are too large together.
    """
    together = {**before, **added}
    for name in ("files", "recent_changes"):
        older, newer = before.get(name), added.get(name)
        if newer is None and older is not None:
            together[name] = older
        elif isinstance(older, dict) and isinstance(newer, dict):
            together[name] = {**older, **newer}
        elif isinstance(older, list) and isinstance(newer, list):
            together[name] = older + [one for one in newer if one not in older]
    return checked(together)
