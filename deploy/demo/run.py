"""`make demo`: six real tasks on this very repository, sent to the running stack and watched.

The tasks lie in `tasks/*.json`, each ready for `kyros submit` too. Their `files_to_modify` are
shown to the models, and their `metadata.demo` says what each shows and how it has to end. Exit
code 0 when every task ended so, else 1.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from kyros_worker.command import task_line
from kyros_worker.command.client import Client, Task
from kyros_worker.command.client_error import ClientError
from kyros_worker.command.new_task import UsageError, text_of
from kyros_worker.command.printable import indented, line
from kyros_worker.command.server import Server, find
from kyros_worker.command.watch import watch
from kyros_worker.errors import ConfigurationError
from kyros_worker.settings import PROJECT_ROOT, load

TASKS = Path(__file__).parent / "tasks"


def demo() -> int:
    """Sends, watches and reports; gives the exit code."""
    server = find(load(os.environ, with_stack=False))
    refuse_live(server)
    client = Client(server)
    print(f"Six tasks go to {server.url}, in test mode: the sandbox model answers.\n", flush=True)
    sent = [client.create(with_texts(task)) for task in tasks()]
    ended = watch(client, sent, as_json=False, out=sys.stdout)
    surprises = report(client, ended)
    print(f"\n{task_line.totals(ended)}")
    print("The sandbox model answered: it rehearses each role, and its changes are no real work.")
    print("Test-mode money is what the calls would cost at the sandbox's list prices: nobody pays.")
    if surprises:
        print(f"{surprises} of the tasks did not end as the demo expects.", file=sys.stderr)
        return 1
    print("Every task ended as the demo expects.")
    return 0


def refuse_live(server: Server) -> None:
    """Raises ClientError for a key with which the demo would spend real money."""
    if server.key.startswith("kyros_live_"):
        raise ClientError("The demo runs on the sandbox model: set KYROS_API_KEY to a test key.")


def tasks() -> list[dict[str, Any]]:
    """The demo's tasks, in the order of their files' names."""
    return [json.loads(path.read_text()) for path in sorted(TASKS.glob("*.json"))]


def with_texts(task: dict[str, Any]) -> dict[str, Any]:
    """The task with the texts of the repository's files that it names."""
    texts = {name: text_of(PROJECT_ROOT / name) for name in task["files_to_modify"]}
    return {**task, "context": {"files": texts}}


def report(client: Client, ended: list[Task]) -> int:
    """Prints what became of each task; gives how many ended otherwise than expected."""
    surprises = 0
    for task in ended:
        found = outcome(task, client.timeline(task["id"])["events"])
        expected = task["metadata"]["demo"]["expected"]
        result = task["result"] or {}
        print(f"\n{line(task['title'])}")
        print(f"  shows {task['metadata']['demo']['shows']}")
        print(
            f"  {found['state']} · decision: {result.get('decision') or 'none'}"
            f" · revisions: {found['revisions'] or 0} · tries again: {found['retries']}"
            f" · {task_line.money(task_line.cost(task), task['mode'])}"
        )
        print(indented(task["error"] or result["summary"], "  "))
        if found != expected:
            surprises += 1
            print(f"  EXPECTED {json.dumps(expected)}, found {json.dumps(found)}")
    return surprises


def outcome(task: Task, events: list[dict[str, Any]]) -> dict[str, Any]:
    """How a task ended, in the words of `metadata.demo.expected`."""
    return {
        "state": task["state"],
        "revisions": task["result"]["revisions"] if task["result"] else None,
        "retries": sum(event["type"] == "submission.retrying" for event in events),
    }


def main() -> int:
    """The demo, with one sentence for what a person can put right."""
    try:
        return demo()
    except (ClientError, ConfigurationError, UsageError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
