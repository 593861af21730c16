"""`kyros up`: starts the stack, tells where it is, and in the foreground stays until stopped."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from kyros_worker.command import procfile
from kyros_worker.command.down import stop, wait_until_stopped
from kyros_worker.command.home import Home
from kyros_worker.command.logs import Follower
from kyros_worker.command.stack import Stack
from kyros_worker.command.start import LetIn, Prepare, let_first_in, prepare_database, start
from kyros_worker.command.supervise import Gone, Supervisor
from kyros_worker.errors import ConfigurationError
from kyros_worker.model.price_check import require_prices
from kyros_worker.settings import PROJECT_ROOT, load

#: The exit code of a start that a signal cut, as shells have it for Ctrl-C.
INTERRUPTED = 130


class Interrupted(BaseException):
    """A signal asked to stop."""


def up(
    *,
    detach: bool,
    procfile_path: Path = PROJECT_ROOT / "Procfile",
    prepare: Prepare = prepare_database,
    let_in: LetIn = let_first_in,
) -> int:
    """Starts the stack of this environment; the exit code.

    In the foreground returns when a signal, `kyros down` or the end of supervisord stopped it.
    Raises ConfigurationError when it can't start.
    """
    settings = load(os.environ, with_stack=False)
    require_prices(settings)
    home = Home(settings.home.resolve())
    commands = procfile.read(procfile_path)
    ready = False
    try:
        with _signals():
            start(
                settings, commands, procfile_path.parent, prepare, let_in,
                lambda stack: _print(describe(home, stack)),
            )  # fmt: skip
            ready = True
            # Whoever waits for this line finds that the first key is good.
            _print(f"  Stop    {'kyros down' if detach else 'Ctrl-C'}")
            if detach:
                return 0
            return _stay(home, list(commands))
    except Interrupted:
        _stop(home)
        return 0 if ready else INTERRUPTED


def describe(home: Home, stack: Stack) -> str:
    """Where everything is, and the first key and admin when they are just being made."""
    mode = "test mode (no model provider is set: the sandbox model answers)"
    lines = [
        f"Kyros runs in {mode if stack.test_mode else 'live mode'}.",
        f"  API     {stack.api_url}",
        f"  Docs    {stack.api_url}/docs",
        f"  Flower  {stack.flower_url}  user kyros, password {stack.flower_password}",
    ]
    made = stack.made
    if made.admin_password:
        lines.append(f"  Pages   {stack.api_url}/sign-in")
        lines.append(
            f"          {made.admin_email}, password {made.admin_password}  (shown this once)"
        )
    if made.key:
        lines.append(f"  Key     {made.key}  (shown this once; kept in {home.cli_key})")
    elif home.cli_key.exists():
        lines.append(f"  Key     in {home.cli_key}")
    else:
        lines.append("  Key     made before elsewhere; `kyros keys create` makes another")
    lines.append(f"  Home    {home.root}")
    return "\n".join(lines)


def _stay(home: Home, names: list[str]) -> int:
    """Shows the logs until supervisord is gone."""
    follower = Follower(home, ["supervisord", "postgres", "redis", *names], from_end=True)
    supervisor = Supervisor(home)
    while True:
        for line in follower.lines(seconds=1):
            _print(line)
        try:
            supervisor.pid()
        except Gone:
            break
    if wait_until_stopped(home):
        _print("Kyros was stopped.")
        return 0
    stop(home)
    raise ConfigurationError("supervisord was ended from outside; the rest has been stopped.")


def _stop(home: Home) -> None:
    try:
        stop(home)
    except ConfigurationError:
        # `kyros down` is at it already.
        wait_until_stopped(home)
    try:
        print("Kyros is stopped.", flush=True)
    except OSError:
        _mute()


@contextmanager
def _signals() -> Iterator[None]:
    """Within, the first signal that asks to stop raises Interrupted; later ones do nothing."""
    asking = [signal.SIGINT, signal.SIGTERM]
    # Under nohup a closed terminal is no reason to stop.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        asking.append(signal.SIGHUP)

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        for each in asking:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted

    before = {each: signal.signal(each, interrupt) for each in asking}
    try:
        yield
    except BaseException:
        for each in asking:
            signal.signal(each, signal.SIG_IGN)
        raise
    for each, handler in before.items():
        signal.signal(each, handler)


def _print(text: str) -> None:
    """Prints a text; a terminal or pipe that is gone counts as a wish to stop."""
    try:
        print(text, flush=True)
    except OSError:
        _mute()
        raise Interrupted from None


def _mute() -> None:
    """Keeps Python from complaining at exit about an output that is gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
