"""What counting costs: intake and work with the triggers that write increments, beside without.

A stack without them has right sums no more: it is thrown away after the measurement. Beside tasks a
second it tells the processor that each took, of all processes, which drifts less.
"""

from collections.abc import Callable

from bench import end_to_end, load
from bench.intake import BODY, CONNECTIONS, SECONDS
from bench.rounds import Figure, beside, interleaved, rounds
from bench.stack import KEY, Stack

TRIGGERS = (
    ("tasks", "count_new"),
    ("tasks", "count_changed"),
    ("model_calls", "count_new"),
    ("model_calls", "count_changed"),
)
Processor = dict[str, list[float]]


def measure(stack: Stack) -> list[Figure]:
    """Tasks taken in, and tasks finished, beside the same without counting."""
    return [
        *_compare(stack, "intake", take_in),
        *_compare(stack, "end to end, one role", end_to_end.drain),
    ]


def _compare(
    stack: Stack, name: str, way: Callable[[Stack, Processor], float]
) -> tuple[Figure, Figure]:
    used: dict[str, Processor] = {"ENABLE": {}, "DISABLE": {}}

    def measured(verb: str) -> float:
        for table, trigger in TRIGGERS:
            stack.query(f"ALTER TABLE {table} {verb} TRIGGER {trigger}")
        return way(stack, used[verb])

    ways = {"on": lambda: measured("ENABLE"), "off": lambda: measured("DISABLE")}
    interleaved(ways, 1)
    for processor in used.values():
        processor.clear()
    values = interleaved(ways, rounds(12))
    on, off = (used[verb]["all"] for verb in ("ENABLE", "DISABLE"))
    return (
        beside(f"{name}, counted", "tasks/s", values["on"], "not counted", values["off"]),
        beside(f"processor of {name}, counted", "ms/task", on, "not counted", off),
    )


def take_in(stack: Stack, processor: Processor) -> float:
    """Tasks a second, on 32 connections; their work is still to be done."""
    stack.empty()
    stack.settle()
    request, before = load.post("/v1/tasks", BODY, KEY), stack.cpu()
    measured = load.run(stack.port, lambda _: request, connections=CONNECTIONS, seconds=SECONDS)
    if measured.refused():
        raise RuntimeError(f"the intake refused: {measured.refused()}")
    used = stack.cpu()["all"] - before["all"]
    processor.setdefault("all", []).append(1_000 * used / len(measured.latencies))
    return measured.per_second
