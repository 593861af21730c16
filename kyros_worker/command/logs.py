"""`kyros logs`: the processes' logs, each line with its process's name in front."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from kyros_worker.command.home import Home
from kyros_worker.errors import ConfigurationError

_TAIL_BYTES = 64 * 1024
_TAIL_LINES = 50
_PAUSE = 0.2
_COLOURS = (36, 33, 32, 35, 34, 31)


class Follower:
    """Reads lines as they are written, through rotations, from several logs."""

    def __init__(self, home: Home, names: list[str], *, from_end: bool) -> None:
        self._files = [_Followed(name, home.log(name), from_end=from_end) for name in names]
        self._width = max((len(name) for name in names), default=0)
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def lines(self, seconds: float) -> Iterator[str]:
        """What is written within that time."""
        deadline = time.monotonic() + seconds
        while True:
            for index, followed in enumerate(self._files):
                for line in followed.new_lines():
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


def logs(home: Home, name: str | None, *, follow: bool) -> None:
    """Prints the last lines of one log or of all, and with `follow` what comes after them.

    Raises ConfigurationError for a name that has no log.
    """
    known = names(home)
    if not known:
        raise ConfigurationError(f"No log in {home.logs}: nothing has been started there.")
    if name is not None and name not in known:
        raise ConfigurationError(f"No process is called {name}; there are {', '.join(known)}.")
    chosen = [name] if name else known
    follower = Follower(home, chosen, from_end=True)
    width = max(len(each) for each in chosen)
    for each in chosen:
        for line in _tail(home.log(each)):
            print(f"{each:{width}} | {line}")
    sys.stdout.flush()
    while follow:
        for line in follower.lines(seconds=1):
            print(line, flush=True)


def _tail(path: Path) -> list[str]:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _TAIL_BYTES, 0))
        return file.read().decode(errors="replace").splitlines()[-_TAIL_LINES:]
