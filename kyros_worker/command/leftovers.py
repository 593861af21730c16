"""Finds and ends every process of a home's stack, whoever started it and whatever became of that.

No pid file is trusted. A process belongs to the stack when its environment carries the stack's
mark, or when it works in the data folder of the embedded Postgres or Redis.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from kyros_worker.command import postgres
from kyros_worker.command.home import Home
from kyros_worker.command.supervise import MARK, STOP_SECONDS

#: What is left for the processes (12 s), the stores and supervisord itself.
_ORDERLY_STOP_SECONDS = 30
_STORE_STOP_SECONDS = 20
_KILL_SECONDS = 5
_DELETED = " (deleted)"


def find(home: Home) -> list[psutil.Process]:
    """Every live process of the stack, this one and its ancestors left out."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    others = (process for process in psutil.process_iter() if process.pid not in own)
    return [process for process in others if _of(process, home)]


def end(home: Home) -> bool:
    """Ends the whole stack in order: supervisord's own way first; whether there was anything.

    Processes get SIGTERM and 12 s, then Postgres its fast shutdown and Redis SIGTERM, then
    SIGKILL. Postgres's data survive each of these.
    """
    if not find(home):
        return False
    _end_kind(home, _is_supervisor, signal.SIGTERM, _ORDERLY_STOP_SECONDS)
    _end_kind(home, lambda process: not _is_store(process, home), signal.SIGTERM, STOP_SECONDS)
    _end_stores(home)
    postgres.forget_stale_pid(home.postgres)
    home.socket.unlink(missing_ok=True)
    return True


def _end_kind(
    home: Home, wanted: Callable[[psutil.Process], bool], first: signal.Signals, seconds: float
) -> None:
    """Signals the main ones of a kind, waits for all of the kind, kills the rest."""

    def alive() -> list[psutil.Process]:
        return [process for process in find(home) if wanted(process)]

    for process in _main_ones(alive()):
        _send(process, first)
    if not _gone(alive, seconds):
        for process in alive():
            _send(process, signal.SIGKILL)
        _gone(alive, _KILL_SECONDS)


def _end_stores(home: Home) -> None:
    for process in _main_ones(find(home)):
        fast = process.pid == postgres.postmaster_pid(home.postgres)
        _send(process, signal.SIGINT if fast else signal.SIGTERM)
    if _gone(lambda: find(home), _STORE_STOP_SECONDS):
        return
    for stop in (signal.SIGQUIT, signal.SIGKILL):
        for process in find(home):
            _send(process, stop)
        if _gone(lambda: find(home), _KILL_SECONDS):
            return


def _main_ones(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those whose parent is not among them: a master stops its own children in order."""
    pids = {process.pid for process in processes}
    found = []
    for process in processes:
        with suppress(psutil.Error):
            if process.ppid() not in pids:
                found.append(process)
    return found


def _gone(alive: Callable[[], list[psutil.Process]], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _send(process: psutil.Process, what: signal.Signals) -> None:
    # psutil compares the start time first, so a pid that was used again is left alone.
    with suppress(psutil.Error):
        process.send_signal(what)


def _of(process: psutil.Process, home: Home) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if _is_store(process, home):
            return True
        return str(process.environ().get(MARK)) == str(home.root)
    except (psutil.Error, OSError):
        return False


def _is_store(process: psutil.Process, home: Home) -> bool:
    try:
        folder = Path(process.cwd().removesuffix(_DELETED))
        return folder in (home.postgres, home.redis) and not _is_shell(process)
    except (psutil.Error, OSError):
        return False


def _is_shell(process: psutil.Process) -> bool:
    """A person may have changed into the folder: only the stores' own programs count."""
    return not process.name().startswith(("postgres", "redis-server", "valkey-server"))


def _is_supervisor(process: psutil.Process) -> bool:
    try:
        return "kyros_worker.command.supervisord" in process.cmdline()
    except (psutil.Error, OSError):
        return False
