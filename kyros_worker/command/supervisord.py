"""supervisord as the stack runs it: three of its habits changed, then its own main().

A pause grows before each restart, but not beyond ten seconds, and also after a run that lasted
long enough to count as started; a full disk under a log does not end supervisord; and it notices
the end of a process at once, where it would look once a second.
"""

import time
from typing import Any

from supervisor import loggers, poller, process
from supervisor.states import ProcessStates
from supervisor.supervisord import main

LONGEST_PAUSE = 10
#: Who ran this long in seconds and then ended is restarted at once.
_LONG_RUN = 60
_LONGEST_POLL = 0.2


def change_habits() -> None:
    """Changes supervisor's classes for this process."""
    _cap_pause(process.Subprocess)
    _pause_after_short_runs(process.Subprocess)
    for handler in (loggers.FileHandler, loggers.RotatingFileHandler):
        _survive_full_disk(handler)
    loggers.Handler.handleError = lambda _: None
    for kind in (poller.PollPoller, poller.SelectPoller):
        _look_more_often(kind)


def pause_after(run_seconds: float, short_runs: int) -> int:
    """The pause in seconds before a restart, when `short_runs` short ones went before this run."""
    return 0 if run_seconds >= _LONG_RUN else min(short_runs, LONGEST_PAUSE)


def _cap_pause(subprocess: Any) -> None:
    original = subprocess.change_state

    def change_state(self: Any, new_state: int, expected: bool = True) -> Any:
        if new_state == ProcessStates.BACKOFF:
            self.backoff = min(self.backoff, LONGEST_PAUSE - 1)
        return original(self, new_state, expected)

    subprocess.change_state = change_state


def _pause_after_short_runs(subprocess: Any) -> None:
    original_change, original_transition = subprocess.change_state, subprocess.transition
    subprocess.short_runs = 0
    subprocess.restart_at = 0.0

    def change_state(self: Any, new_state: int, expected: bool = True) -> Any:
        if new_state == ProcessStates.EXITED:
            run_seconds = self.laststop - self.laststart
            self.restart_at = time.time() + pause_after(run_seconds, self.short_runs)
            self.short_runs = 0 if run_seconds >= _LONG_RUN else self.short_runs + 1
        return original_change(self, new_state, expected)

    def transition(self: Any) -> None:
        pausing = 0 < self.restart_at - time.time() <= LONGEST_PAUSE
        if self.state != ProcessStates.EXITED or not pausing:
            original_transition(self)

    subprocess.change_state = change_state
    subprocess.transition = transition


def _survive_full_disk(handler: Any) -> None:
    original = handler.emit

    def emit(self: Any, record: Any) -> None:
        # ValueError: the stream was closed when its last bytes could not be written.
        try:
            original(self, record)
        except (OSError, ValueError):
            if self.stream.closed:
                self.reopen()

    handler.emit = emit


def _look_more_often(kind: Any) -> None:
    original = kind.poll

    def poll(self: Any, timeout: float) -> Any:
        return original(self, min(timeout, _LONGEST_POLL))

    kind.poll = poll


if __name__ == "__main__":
    change_habits()
    main()
