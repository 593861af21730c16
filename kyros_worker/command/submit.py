"""`kyros submit`: sends one task or many, and waits for them where asked."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kyros_worker import strict_json
from kyros_worker.command import task_text
from kyros_worker.command.client import Client, Task
from kyros_worker.command.follow import is_final
from kyros_worker.command.new_task import Options, UsageError, from_files, from_options
from kyros_worker.command.watch import exit_code, print_reasons, watch

_LONGEST_WAIT_SECONDS = 60

Until = Literal["accepted", "waited", "watched"]


@dataclass(frozen=True)
class How:
    """How a submission is made: until when to stay, what to print, and the key of a repeat."""

    until: Until = "accepted"
    as_json: bool = False
    idempotency_key: str | None = None


def body(files: Sequence[str], options: Options) -> dict[str, Any]:
    """What is sent; raises UsageError when it is told by files and by options, or by neither."""
    if not files:
        return from_options(options, Path.cwd())
    if options.given:
        raise UsageError("Tell the task by files or by options, not by both.")
    return from_files(files)


def submit(client: Client, sent: dict[str, Any], how: How) -> int:
    """Sends the body and prints the ids, or the answer as JSON; gives the exit code.

    Raises ClientError when it is refused or can't be followed.
    """
    data = client.create(sent, how.idempotency_key)
    several = "tasks" in data
    tasks: list[Task] = data["tasks"] if several else [data]
    if not how.as_json:
        for task in tasks:
            print(task["id"], flush=True)
    if how.until != "accepted":
        tasks = _ended(client, tasks, how)
    if how.as_json:
        print(strict_json.dumps({"tasks": tasks} if several else tasks[0]))
    elif how.until == "waited":
        for task in tasks:
            print(f"\n{task_text.described(task)}")
    elif how.until == "watched" and sys.stdout.isatty():
        print_reasons(tasks)
    return 0 if how.until == "accepted" else exit_code(tasks)


def _ended(client: Client, tasks: list[Task], how: How) -> list[Task]:
    if how.until == "waited":
        return [_waited(client, task) for task in tasks]
    # The standard output is the answer's alone where it is JSON.
    out = sys.stderr if how.as_json else sys.stdout
    return watch(client, tasks, as_json=False, out=out)


def _waited(client: Client, task: Task) -> Task:
    while not is_final(task):
        task = client.waited(task["id"], _LONGEST_WAIT_SECONDS)
    return task
