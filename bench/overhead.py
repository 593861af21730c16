"""What watching costs: today's stack beside itself unwatched; and beside one of before.

Unwatched it writes no line but errors and counts no sums; its figures are right no more, and it is
thrown away. Since the older commit came structured logs and sums, but also rate limits, the audit
log, users and OAuth2, and alerts, which have no switch; so the older source runs as a stack of its
own. Both are up at the same time, so what an idle one takes weighs on both alike.
"""

import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench import end_to_end
from bench.rounds import Figure, beside, interleaved, rounds
from bench.stack import Stack
from bench.sums import TRIGGERS, Processor, take_in
from kyros_worker.settings import PROJECT_ROOT

#: The last commit before them.
BEFORE = "1c597d3"
_UNWATCHED = "unwatched"
#: How often all stacks are started anew: how fast a stack is differs from start to start, by more
#: than what is to be seen.
_LIVES = 8
_Load = Callable[[Stack, Processor], float]


def measure(folder: Path) -> list[Figure]:
    """Tasks taken in and tasks finished, and the processor that each took, beside unwatched."""
    return _compare(Stack(_made(folder / "now")), _UNWATCHED, Stack(_made(folder / "unwatched")))


def measure_before(folder: Path) -> list[Figure]:
    """The same beside the older source."""
    with _before(folder / "source") as source:
        older = Stack(_made(folder / "before"), source)
        # It does not know limits yet.
        del older.environ["KYROS_CONFIG"]
        return _compare(Stack(_made(folder / "now")), BEFORE, older)


def _compare(now: Stack, other: str, beside_it: Stack) -> list[Figure]:
    """Both over several lives of each."""
    stacks = {"now": now, other: beside_it}
    found = {name: _Values(stacks) for name in _LOADS}
    each = max(1, rounds(40) // _LIVES)
    for life in range(_LIVES):
        with _running(stacks, list(stacks) if life % 2 == 0 else list(reversed(stacks))):
            for name, load in _LOADS.items():
                found[name].measure(stacks, load, each)
    return [figure for name, values in found.items() for figure in values.figures(name)]


@contextmanager
def _running(stacks: dict[str, Stack], order: Iterable[str]) -> Iterator[None]:
    if _UNWATCHED in stacks:
        stacks[_UNWATCHED].environ["KYROS_LOG_LEVEL"] = "error"
    try:
        for name in order:
            stacks[name].up()
        if _UNWATCHED in stacks:
            for table, trigger in TRIGGERS:
                stacks[_UNWATCHED].query(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        yield
    finally:
        for stack in stacks.values():
            stack.down()


class _Values:
    """What was measured of a load so far, by stack: tasks a second, and processor a task."""

    def __init__(self, stacks: Iterable[str]) -> None:
        self._per_second: dict[str, list[float]] = {one: [] for one in stacks}
        self._used: dict[str, Processor] = {one: {"all": []} for one in stacks}

    def measure(self, stacks: dict[str, Stack], load: _Load, count: int) -> None:
        """Interleaved rounds, after one that only warms up."""
        warming: Processor = {}
        interleaved({one: partial(load, stacks[one], warming) for one in stacks}, 1)
        ways = {one: partial(load, stacks[one], self._used[one]) for one in stacks}
        for one, values in interleaved(ways, count).items():
            self._per_second[one] += values

    def figures(self, name: str) -> Iterator[Figure]:
        """The stack `now` beside each of the others."""
        for other in self._per_second:
            if other != "now":
                per_second, used = self._per_second, self._used
                yield beside(name, "tasks/s", per_second["now"], other, per_second[other])
                yield beside(
                    f"processor of {name}", "ms/task", used["now"]["all"], other,
                    used[other]["all"],
                )  # fmt: skip


_LOADS: dict[str, _Load] = {"intake": take_in, "end to end, one role": end_to_end.drain}


def _made(folder: Path) -> Path:
    folder.mkdir()
    folder.chmod(0o755)
    return folder


@contextmanager
def _before(source: Path) -> Iterator[Path]:
    """The older source, for as long as it is measured."""
    git = ["git", "-C", str(PROJECT_ROOT), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(source), BEFORE], check=True)
    try:
        yield source
    finally:
        subprocess.run([*git, "remove", "--force", str(source)], check=True)
