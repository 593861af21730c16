"""Waiting for what happens beside a test."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], seconds: float, what: str) -> T:
    """What the condition gives as soon as it is true; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        # Looked at once more after the deadline: a busy machine may have kept us from looking.
        late = time.monotonic() > deadline
        found = condition()
        if found:
            return found
        assert not late, f"not within {seconds} s: {what}"
        time.sleep(0.05)
