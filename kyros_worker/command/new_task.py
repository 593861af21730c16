"""The body of a new task: from options, or from JSON files."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from kyros_worker import strict_json
from kyros_worker.command import github_issue
from kyros_worker.errors import KyrosError


class UsageError(Exception):
    """What was typed can't be sent: one sentence."""


@dataclass(frozen=True)
class Options:
    """A task as it is told by options; what was not given is None or empty."""

    title: str | None = None
    description: str | None = None
    type: str | None = None
    priority: str | None = None
    role: str | None = None
    complexity: str | None = None
    criteria: Sequence[str] = ()
    files: Sequence[Path] = ()
    metadata: str | None = None
    dedupe_key: str | None = None
    deadline: int | None = None

    @property
    def given(self) -> bool:
        """Whether any option tells of a task."""
        return self != Options()


def from_options(options: Options, folder: Path) -> dict[str, Any]:
    """The task that the options tell; paths are named as seen from `folder`.

    Raises UsageError without a title, for a file that can't be read as text, for metadata that
    are no JSON object, and for bytes that are no text.
    """
    if not options.title:
        raise UsageError("A task needs --title, or a file with the task as JSON.")
    texts = {named(path, folder): text_of(path) for path in options.files}
    fields = {
        "title": options.title,
        "description": options.description,
        "type": options.type,
        "priority": options.priority,
        "assignee_role": options.role,
        "complexity": options.complexity,
        "acceptance_criteria": list(options.criteria) or None,
        "files_to_modify": list(texts) or None,
        "metadata": None if options.metadata is None else _metadata(options.metadata),
        "context": {"files": texts} if texts else None,
        "dedupe_key": options.dedupe_key,
        "deadline_seconds": options.deadline,
    }
    task = {name: value for name, value in fields.items() if value is not None}
    try:
        strict_json.dumps(task).encode()
    except UnicodeEncodeError:
        raise UsageError("An option holds bytes that are not UTF-8.") from None
    return task


def from_files(names: Sequence[str]) -> dict[str, Any]:
    """The body to send: the one task of a single file, or else `{"tasks": […]}`.

    Each file holds a task, a GitHub issue, or a list of these; `-` is the standard input. Raises
    UsageError for what can't be read, is not JSON, or holds none.
    """
    found = [(name, _json(name)) for name in names]
    if len(found) == 1 and isinstance(found[0][1], dict):
        return _task(found[0][1])
    tasks: list[Any] = []
    for name, value in found:
        several = value if isinstance(value, list) else [value]
        if not several or not all(isinstance(task, dict) for task in several):
            raise UsageError(f"{name} holds neither a task (an object) nor a list of tasks.")
        tasks += map(_task, several)
    return {"tasks": tasks}


def _task(value: dict[str, Any]) -> dict[str, Any]:
    issue = github_issue.find_issue(value)
    return value if issue is None else github_issue.task_of(issue)


def named(path: Path, folder: Path) -> str:
    """A path as seen from `folder`, with `/`; one outside of it as it was typed."""
    whole = path if path.is_absolute() else folder / path
    try:
        return whole.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return PurePath(path).as_posix()


def text_of(path: Path) -> str:
    """The text of a file; raises UsageError when it can't be read or is not UTF-8."""
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text.") from error


def _metadata(text: str) -> Any:
    value = _parsed("--metadata", text.encode(errors="surrogateescape"))
    if not isinstance(value, dict):
        raise UsageError("--metadata must be a JSON object.")
    return value


def _json(name: str) -> Any:
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"{name} can't be read: {error.strerror}.") from error
    return _parsed("The standard input" if name == "-" else name, content)


def _parsed(source: str, content: bytes) -> Any:
    """The value, by the rules that the API holds a body to: a repeated key is refused here too."""
    try:
        return strict_json.loads(content)
    except KyrosError as error:
        raise UsageError(f"{source}: {error.message.removeprefix('The body ')}") from error
