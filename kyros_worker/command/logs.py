"""`kyros logs`: the processes' logs, each line with its process's name in front."""

import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from kyros_worker.command.home import Home
from kyros_worker.errors import ConfigurationError

_TAIL_BYTES = 64 * 1024
_TAIL_LINES = 50
_PAUSE = 0.2
_COLOURS = (36, 33, 32, 35, 34, 31)
#: A line of either form begins with its time; others go on with the line before.
_TIME = re.compile(r'(?:\{"timestamp": ?")?(\d{4}-\d\d-\d\dT[\d:.]+Z)')
#: The older files of a log, as supervisord names them.
_ROTATED = (3, 2, 1)


class Follower:
    """Reads lines as they are written, through rotations, from several logs."""

    def __init__(
        self, home: Home, names: list[str], *, from_end: bool, ids: Sequence[str] = ()
    ) -> None:
        self._files = [_Followed(name, home.log(name), from_end=from_end) for name in names]
        self._width = max((len(name) for name in names), default=0)
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._ids = ids

    def lines(self, seconds: float) -> Iterator[str]:
        """What is written within that time."""
        deadline = time.monotonic() + seconds
        while True:
            for index, followed in enumerate(self._files):
                for line in followed.chosen(followed.new_lines(), self._ids):
                    yield self._shown(index, followed.name, line)
            if time.monotonic() > deadline:
                return
            time.sleep(_PAUSE)

    def _shown(self, index: int, name: str, line: str) -> str:
        prefix = f"{name:{self._width}} | "
        if self._colour:
            prefix = f"\033[{_COLOURS[index % len(_COLOURS)]}m{prefix}\033[0m"
        return prefix + line


class _Followed:
    def __init__(self, name: str, path: Path, *, from_end: bool) -> None:
        self.name = name
        self._path = path
        self._position = path.stat().st_size if from_end and path.exists() else 0
        self._inode = path.stat().st_ino if path.exists() else 0
        self._rest = b""
        self._is_chosen = False

    def chosen(self, lines: list[str], ids: Sequence[str]) -> Iterator[str]:
        """Those lines that name all the ids, each with the lines that belong to it."""
        # An id of the client's own may be the beginning of another's.
        named = [re.compile(rf"(?<![\w.-]){re.escape(one)}(?![\w-]|\.\w)") for one in ids]
        for line in lines:
            if _TIME.match(line) or not ids:
                self._is_chosen = all(one.search(line) for one in named)
            if self._is_chosen:
                yield line

    def new_lines(self) -> list[str]:
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._inode or status.st_size < self._position:
                    self._inode, self._position = status.st_ino, 0
                file.seek(self._position)
                read = file.read(1 << 20)
        except OSError:
            return []
        self._position += len(read)
        *whole, self._rest = (self._rest + read).split(b"\n")
        return [line.decode(errors="replace") for line in whole]


def names(home: Home) -> list[str]:
    """The processes that have a log."""
    return sorted(path.stem for path in home.logs.glob("*.log") if path.stem.count(".") == 0)


def logs(home: Home, name: str | None, *, follow: bool, ids: Sequence[str] = ()) -> None:
    """Prints the last lines of one log or of all, and with `follow` what comes after them.

    With `ids` all lines that name each of them, of all processes in the order of time. Raises
    ConfigurationError for a name that has no log.
    """
    known = names(home)
    if not known:
        raise ConfigurationError(f"No log in {home.logs}: nothing has been started there.")
    if name is not None and name not in known:
        raise ConfigurationError(f"No process is called {name}; there are {', '.join(known)}.")
    chosen = [name] if name else known
    follower = Follower(home, chosen, from_end=True, ids=ids)
    width = max(len(each) for each in chosen)
    for each, line in _found(home, chosen, ids) if ids else _last(home, chosen):
        print(f"{each:{width}} | {line}")
    sys.stdout.flush()
    while follow:
        for line in follower.lines(seconds=1):
            print(line, flush=True)


def _last(home: Home, chosen: list[str]) -> Iterator[tuple[str, str]]:
    for name in chosen:
        for line in _tail(home.log(name)):
            yield name, line


def _found(home: Home, chosen: list[str], ids: Sequence[str]) -> list[tuple[str, str]]:
    """The lines that name all the ids, with their process's name, in the order of time."""
    found: list[tuple[str, str, str]] = []
    for name in chosen:
        path = home.log(name)
        reader = _Followed(name, path, from_end=True)
        for file in (*(path.with_name(f"{path.name}.{number}") for number in _ROTATED), path):
            if not file.exists():
                continue
            at = ""
            with file.open(errors="replace") as lines:
                for line in reader.chosen([one.rstrip("\n") for one in lines], ids):
                    time_of_line = _TIME.match(line)
                    at = time_of_line[1] if time_of_line else at
                    found.append((at, name, line))
    found.sort(key=lambda one: one[0])
    return [(name, line) for _, name, line in found]


def _tail(path: Path) -> list[str]:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _TAIL_BYTES, 0))
        return file.read().decode(errors="replace").splitlines()[-_TAIL_LINES:]
