"""Writing lines to stderr: those of a moment in one call, and at once what people should see.

A call for each would give up the interpreter at every request, and wake the supervisor that reads
on the other side as often: together a tenth of the intake. A line may also be made together with
the others, since many in a row take a fraction of the time of as many between requests.
"""

import atexit
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue

#: So long a line waits for others: as much as a process that is killed can lose of its lines.
GATHER_SECONDS = 0.05
#: Whoever writes lines faster than they are read waits with so many of them.
_MOST_WAITING = 1000
_STDERR = 2

#: Its bytes with the newline at their end, or what makes them and never raises.
Line = bytes | Callable[[], bytes]


class LineWriter:
    """Writes whole lines in the order in which they came, from any thread; it never raises.

    A line may come while the same thread is in here already: from a finalizer, which can run at any
    allocation, or a signal's handler. So nothing here waits for a lock that its own thread holds.
    """

    def __init__(self) -> None:
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self._end)

    def _begin(self) -> None:
        """A process begins, by a fork too: what waits there is its parent's to write."""
        self._waiting: deque[Line] = deque()
        self._most = _MOST_WAITING
        self._writing = threading.RLock()
        self._thread: threading.Thread | None = None
        self._wakes: SimpleQueue[None] = SimpleQueue()
        self._is_awake = False

    def put(self, line: Line) -> None:
        """Has the line written within GATHER_SECONDS."""
        self._waiting.append(line)
        if len(self._waiting) >= self._most:
            self.flush()
        elif not self._is_awake:
            self._is_awake = True
            self._wake()

    def flush(self) -> None:
        """Writes what waits, now."""
        with self._writing:
            lines = []
            with suppress(IndexError):
                while True:
                    line = self._waiting.popleft()
                    lines.append(line if isinstance(line, bytes) else line())
            _write(lines)

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep_writing, name="log", daemon=True)
            self._thread.start()
        self._wakes.put(None)

    def _keep_writing(self) -> None:
        while True:
            self._wakes.get()
            time.sleep(GATHER_SECONDS)
            # Before the lines are taken: whoever comes after them wakes this thread again.
            self._is_awake = False
            self.flush()

    def _end(self) -> None:
        """The interpreter ends, and its threads with it: from now on nothing waits."""
        self._most = 1
        self.flush()


def _write(lines: Sequence[bytes]) -> None:
    """In pieces of whole lines that a pipe takes as one, though other processes write to it, too.

    A line that is longer is a piece of its own.
    """
    piece: list[bytes] = []
    length = 0
    for line in lines:
        if piece and length + len(line) > select.PIPE_BUF:
            _write_piece(b"".join(piece))
            piece, length = [], 0
        piece.append(line)
        length += len(line)
    _write_piece(b"".join(piece))


def _write_piece(piece: bytes) -> None:
    try:
        while piece:
            piece = piece[os.write(_STDERR, piece) :]
    except OSError:
        pass  # whoever reads us has gone; the work goes on
