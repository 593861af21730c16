"""`kyros down`: stops everything of a home, orderly where it can."""

import time

from kyros_worker.command import leftovers
from kyros_worker.command.home import Home, locked

_OTHERS_STOP_SECONDS = 40


def stop(home: Home) -> bool:
    """Stops the home's stack, leftovers of a killed one too; whether there was anything.

    Raises ConfigurationError when another command is starting or stopping it.
    """
    if not home.root.exists():
        # It may have been removed while its stack ran.
        return leftovers.end(home)
    with locked(home):
        # Before the stop: who sees supervisord gone and no stack told of knows it was meant.
        home.stack.unlink(missing_ok=True)
        return leftovers.end(home)


def wait_until_stopped(home: Home) -> bool:
    """Waits for another command's stop; False when none was asked for or it did not finish."""
    deadline = time.monotonic() + _OTHERS_STOP_SECONDS
    while home.root.exists() and not home.stack.exists():
        if not leftovers.find(home):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return False


def down(home: Home) -> None:
    """Stops the stack and says so."""
    if stop(home):
        print("Kyros is stopped.")
    else:
        print(f"Nothing runs in {home.root}.")
