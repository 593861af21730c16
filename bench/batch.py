"""How many tasks a second `POST /v1/tasks/batch` takes in, a thousand a request.

Answered is when the rows are committed and the answer has come; published is when no row waits
for its message any more. The work takes ten seconds, so the workers hardly compete.
"""

import json
import time

from bench import load
from bench.intake import TASK, unpublished
from bench.rounds import Figure, alone, rounds
from bench.stack import KEY, Stack, until

REQUESTS = 20
EACH = 1_000


def measure(stack: Stack) -> list[Figure]:
    """Tasks a second, answered and published, with four requests at a time."""
    take_in(stack)
    measured = [take_in(stack) for _ in range(rounds(5))]
    return [
        alone("batch, stored and answered", "tasks/s", [one[0] for one in measured]),
        alone("batch, stored and published", "tasks/s", [one[1] for one in measured]),
    ]


def take_in(stack: Stack) -> tuple[float, float]:
    """Tasks a second, answered and published."""
    stack.empty()
    stack.settle()
    body = json.dumps({"tasks": [TASK] * EACH}).encode()
    request = load.post("/v1/tasks/batch", body, KEY)
    began = time.perf_counter()
    measured = load.run(stack.port, lambda _: request, connections=4, count=REQUESTS)
    if measured.refused():
        raise RuntimeError(f"the batch was refused: {measured.refused()}")
    until(lambda: unpublished(stack) == 0, 60, "every row is published")
    published = time.perf_counter() - began
    return REQUESTS * EACH / measured.seconds, REQUESTS * EACH / published
