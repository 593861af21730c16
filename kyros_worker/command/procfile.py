"""Reads the Procfile: a name, a colon and a plain command on each line."""

import re
import shlex
from pathlib import Path

from kyros_worker.errors import ConfigurationError

_LINE = re.compile(r"([A-Za-z0-9_-]+):\s*(\S.*)")
_RESERVED = {"postgres", "redis", "supervisord"}


def read(path: Path) -> dict[str, list[str]]:
    """The command of each process, split into words, in the file's order.

    Raises ConfigurationError for a missing file and for a line that is not `name: command`.
    """
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}.") from error
    processes: dict[str, list[str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None or match[1] in _RESERVED or match[1] in processes:
            raise ConfigurationError(f"{path}, line {number}: {stripped!r} is not `name: command`.")
        try:
            processes[match[1]] = shlex.split(match[2])
        except ValueError as error:
            raise ConfigurationError(f"{path}, line {number}: {error}.") from error
    return processes
