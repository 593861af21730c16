"""What watching costs, in one stack that watches in every other half second; and since when.

In the half seconds between it writes no facts to its log and counts no sums: they are right no
more, and the stack is thrown away. How fast a machine is differs from one second to the next, and
a stack from one start to the next, by more than what is to be seen; neighbours within one stack
differ by it alone. The sweep that folds the sums comes later, and so weighs on both.

Beside the older commit, a stack of its own, everything is seen that came since: structured logs and
sums, but also rate limits, the audit log, users and OAuth2, and alerts, which have no switch.
"""

import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench import end_to_end, load
from bench.intake import BODY, CONNECTIONS
from bench.rounds import Figure, beside, interleaved, rounds
from bench.stack import KEY, Stack
from bench.sums import Processor, take_in
from kyros_worker.settings import PROJECT_ROOT

#: The last commit before what is measured.
BEFORE = "1c597d3"
#: How often both stacks are started anew.
_LIVES = 8
_EVERY_OTHER = Path(__file__).parent / "every_other"
_COUNTING = ("count_task", "count_new_tasks", "count_new_calls", "count_changed_calls")
_SECONDS = 12
_Load = Callable[[Stack, Processor], float]


def measure(folder: Path) -> list[Figure]:
    """Tasks taken in and tasks finished while the stack watches, beside while it does not."""
    stack = Stack(_made(folder / "stack"))
    stack.environ["PYTHONPATH"] = f"{_EVERY_OTHER}:{PROJECT_ROOT}"
    try:
        stack.up()
        for function in _COUNTING:
            _count_in_every_other(stack, function)
        return [
            _side_by_side("intake, watched", stack, _taken_in, rounds(20)),
            _side_by_side("end to end, one role, watched", stack, _finished, rounds(40)),
        ]
    finally:
        stack.down()


def _count_in_every_other(stack: Stack, function: str) -> None:
    ((definition,),) = stack.query("SELECT pg_get_functiondef(%s::regproc)", function)
    half_second = "mod(floor(extract(epoch FROM clock_timestamp()) * 2)::bigint, 2)"
    skip = f"BEGIN IF {half_second} = 1 THEN RETURN NULL; END IF;"
    stack.query(definition.replace("BEGIN", skip, 1))


def _side_by_side(
    name: str, stack: Stack, way: Callable[[Stack], Iterable[float]], count: int
) -> Figure:
    """Tasks a second of each watched half second, beside the mean of its neighbours.

    `way` gives the times of a round's tasks; its beginning and its end are left out.
    """
    way(stack)
    watched, neighbours = [], []
    for _ in range(count):
        at = Counter(int(time * 2) for time in way(stack))
        for half in range(min(at) + 2, max(at) - 1):
            if half % 2 == 0:
                watched.append(2.0 * at[half])
                neighbours.append(float(at[half - 1] + at[half + 1]))
    return beside(name, "tasks/s", watched, "not watched", neighbours)


def _taken_in(stack: Stack) -> Iterable[float]:
    stack.empty()
    stack.settle()
    request = load.post("/v1/tasks", BODY, KEY)
    measured = load.run(stack.port, lambda _: request, connections=CONNECTIONS, seconds=_SECONDS)
    if measured.refused():
        raise RuntimeError(f"the intake refused: {measured.refused()}")
    return measured.answered_at


def _finished(stack: Stack) -> Iterable[float]:
    end_to_end.drain(stack, {})
    return [
        float(at) for (at,) in stack.query("SELECT extract(epoch FROM completed_at) FROM tasks")
    ]


def measure_before(folder: Path) -> list[Figure]:
    """Tasks taken in and finished, and the processor that each took, beside the older source."""
    with _before(folder / "source") as source:
        older = Stack(_made(folder / "before"), source)
        # It does not know limits yet.
        del older.environ["KYROS_CONFIG"]
        stacks = {"now": Stack(_made(folder / "now")), BEFORE: older}
        found = {name: _Values(stacks) for name in _LOADS}
        each = max(1, rounds(40) // _LIVES)
        for life in range(_LIVES):
            with _running(stacks, list(stacks) if life % 2 == 0 else list(reversed(stacks))):
                for name, way in _LOADS.items():
                    found[name].measure(stacks, way, each)
        return [figure for name, values in found.items() for figure in values.figures(name)]


@contextmanager
def _running(stacks: dict[str, Stack], order: Iterable[str]) -> Iterator[None]:
    """Both are up at the same time, so what an idle one takes weighs on both alike."""
    try:
        for name in order:
            stacks[name].up()
        yield
    finally:
        for stack in stacks.values():
            stack.down()


class _Values:
    """What was measured of a load so far, by stack: tasks a second, and processor a task."""

    def __init__(self, stacks: Iterable[str]) -> None:
        self._per_second: dict[str, list[float]] = {one: [] for one in stacks}
        self._used: dict[str, Processor] = {one: {"all": []} for one in stacks}

    def measure(self, stacks: dict[str, Stack], way: _Load, count: int) -> None:
        """Interleaved rounds, after one that only warms up."""
        warming: Processor = {}
        interleaved({one: partial(way, stacks[one], warming) for one in stacks}, 1)
        ways = {one: partial(way, stacks[one], self._used[one]) for one in stacks}
        for one, values in interleaved(ways, count).items():
            self._per_second[one] += values

    def figures(self, name: str) -> Iterator[Figure]:
        """The stack `now` beside the older one."""
        per_second, used = self._per_second, self._used
        yield beside(name, "tasks/s", per_second["now"], BEFORE, per_second[BEFORE])
        yield beside(
            f"processor of {name}", "ms/task", used["now"]["all"], BEFORE, used[BEFORE]["all"]
        )


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
