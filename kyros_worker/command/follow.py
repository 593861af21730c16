"""Following tasks until they are final, through broken connections and refused streams."""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kyros_worker.command.client import Client, Task
from kyros_worker.command.client_error import ApiError, UnreachableError
from kyros_worker.task.states import FINAL_STATES

#: As many tasks are streamed at once; the next begins when one is final.
_STREAMS = 32
#: How long an API that answered before may be gone, in seconds.
_PATIENCE_SECONDS = 120.0
_LONGEST_PAUSE = 5.0
#: How long one answer waits for the task where streams are refused, in seconds.
_WAIT_SECONDS = 5


def is_final(task: Task) -> bool:
    """Whether nothing more happens to the task by itself."""
    return task["state"] in FINAL_STATES


def follow(client: Client, tasks: Sequence[Task]) -> Iterator[Task]:
    """Every change of the tasks from how they stand here, as it comes, until all are final.

    Raises ClientError as soon as one can't be followed any more.
    """
    waiting = queue.SimpleQueue[Task]()
    for task in tasks:
        waiting.put(task)
    # None says that one task is final.
    heard = queue.SimpleQueue[Task | Exception | None]()
    for _ in range(min(len(tasks), _STREAMS)):
        # Daemons: Ctrl-C ends the program and waits for no stream.
        threading.Thread(target=_follow_next, args=(client, waiting, heard), daemon=True).start()
    left = len(tasks)
    while left:
        item = heard.get()
        if item is None:
            left -= 1
        elif isinstance(item, Exception):
            raise item
        else:
            yield item


def _follow_next(
    client: Client,
    waiting: queue.SimpleQueue[Task],
    heard: queue.SimpleQueue[Task | Exception | None],
) -> None:
    try:
        while True:
            for task in changes(client, waiting.get_nowait()):
                heard.put(task)
            heard.put(None)
    except queue.Empty:
        return
    except Exception as error:  # noqa: BLE001 - raised again where the changes are read
        heard.put(error)


def changes(client: Client, task: Task) -> Iterator[Task]:
    """Every change of one task from how it stands here, until it is final.

    A stream that breaks is resumed after the last change; where streams are refused, the task is
    asked for again and again with `wait`.
    """
    newest, after, pause = task, 0, 0.0
    gone_since: float | None = None
    while not is_final(newest):
        time.sleep(pause)
        try:
            for seen in _seen(client, newest["id"], after):
                gone_since, pause = None, 0.0
                after = seen.seq or after
                known = seen.task == newest
                if not known and (seen.is_current or _is_newer(seen.task, newest)):
                    newest = seen.task
                    yield newest
        except UnreachableError:
            gone_since = gone_since or time.monotonic()
            if time.monotonic() - gone_since > _PATIENCE_SECONDS:
                raise
        pause = min(pause * 2 or 0.25, _LONGEST_PAUSE)


@dataclass(frozen=True)
class _Seen:
    """A task as it was at its event `seq`; `is_current` when it was asked for, not replayed."""

    task: Task
    seq: int = 0
    is_current: bool = False


def _seen(client: Client, task_id: str, after: int) -> Iterator[_Seen]:
    """What one stream tells, or where it is refused one wait."""
    try:
        for event in client.stream(task_id, after):
            if event.type.startswith("task."):
                yield _Seen(event.data["data"], event.seq)
            elif event.type == "end":
                # A replay tells of earlier ends too: only the task itself says how it stands.
                yield _Seen(client.task(task_id), is_current=True)
                return
    except ApiError as error:
        if not error.is_passing:
            raise
        yield _Seen(client.waited(task_id, _WAIT_SECONDS), is_current=True)


def _is_newer(found: Task, known: Task) -> bool:
    """Times of one form are in the order of their text."""
    return bool(found["updated_at"] > known["updated_at"])
