"""Watching tasks until all are final: bars on a terminal, lines elsewhere, or JSON."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from kyros_worker import strict_json
from kyros_worker.command import task_line
from kyros_worker.command.client import Client, Task
from kyros_worker.command.follow import follow, is_final
from kyros_worker.command.printable import line

#: The exit code when a task that was waited for failed or was cancelled.
NOT_COMPLETED = 3

_UNFINISHED = ("pending", "in_progress")
#: As many unfinished tasks are watched when no task is named; the newest.
_MOST_UNNAMED = 1000


def watch(client: Client, tasks: Sequence[Task], *, as_json: bool, out: TextIO) -> list[Task]:
    """Shows how the tasks change until all are final; gives them as they ended, in their order.

    Raises ClientError when they can't be followed any more.
    """
    standing = {task["id"]: task for task in tasks}
    with _display(standing, as_json=as_json, out=out) as show:
        for task in follow(client, [task for task in tasks if not is_final(task)]):
            standing[task["id"]] = task
            show(task)
    return list(standing.values())


def watch_named(client: Client, task_ids: Sequence[str], *, as_json: bool) -> int:
    """`kyros watch`: these tasks, or all unfinished ones; gives the exit code."""
    tasks = [client.task(task_id) for task_id in dict.fromkeys(task_ids)] or _unfinished(client)
    if not tasks:
        if not as_json:
            print("No task is unfinished.")
        return 0
    ended = watch(client, tasks, as_json=as_json, out=sys.stdout)
    if sys.stdout.isatty() and not as_json:
        print_reasons(ended)
    return exit_code(ended)


def print_reasons(tasks: Sequence[Task]) -> None:
    """Prints why tasks did not complete: a bar has no room for the whole sentence."""
    for task in tasks:
        if task["error"]:
            print(f"{task['id']} {task['state']}: {line(task['error'])}")


def exit_code(tasks: Sequence[Task]) -> int:
    """0 when every task completed, else 3."""
    return 0 if all(task["state"] == "completed" for task in tasks) else NOT_COMPLETED


def _unfinished(client: Client) -> list[Task]:
    found: dict[str, Task] = {}
    for status in _UNFINISHED:
        for task in client.tasks({"status": status}, _MOST_UNNAMED)["tasks"]:
            found[task["id"]] = task
    return [found[task_id] for task_id in sorted(found)]


@contextmanager
def _display(
    standing: dict[str, Task], *, as_json: bool, out: TextIO
) -> Iterator[Callable[[Task], None]]:
    if as_json:
        yield from _lines(standing, strict_json.dumps, out)
    elif out.isatty():
        yield from _bars(standing, out)
    else:
        yield from _lines(standing, task_line.change, out)


def _lines(
    standing: dict[str, Task], told: Callable[[Task], str], out: TextIO
) -> Iterator[Callable[[Task], None]]:
    def show(task: Task) -> None:
        print(told(task), file=out, flush=True)

    for task in list(standing.values()):
        show(task)
    yield show


def _bars(standing: dict[str, Task], out: TextIO) -> Iterator[Callable[[Task], None]]:
    # Rich takes a while to import, and who pipes the output does without.
    from rich.console import Console  # noqa: PLC0415

    from kyros_worker.command import bars  # noqa: PLC0415

    with bars.live(standing, Console(file=out, highlight=False)):
        yield lambda _: None
