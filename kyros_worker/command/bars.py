"""Live progress bars of many tasks, one line each."""

from collections.abc import Collection
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kyros_worker.clock import now
from kyros_worker.command import task_line
from kyros_worker.command.printable import line

Task = dict[str, Any]

_STYLES = {"completed": "green", "failed": "red", "cancelled": "yellow"}
#: The lines that are no bars: the totals, and room for the cursor.
_OTHER_LINES = 2
#: From this many columns on there is room for more than the shortest.
_WIDE = 110


def live(standing: dict[str, Task], console: Console) -> Live:
    """A display that draws the tasks of `standing` as they are, again and again.

    It ends with the last state on the screen.
    """
    return Live(
        get_renderable=lambda: render(list(standing.values()), console),
        console=console,
        refresh_per_second=8,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def render(tasks: Collection[Task], console: Console) -> Group:
    """The bars, as many as the terminal holds, and the totals."""
    shown = fitting(tasks, console.height - _OTHER_LINES)
    wide = console.width >= _WIDE
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(ratio=5, no_wrap=True, overflow="ellipsis")
    table.add_column(width=11, no_wrap=True, overflow="ellipsis")
    table.add_column(width=20 if wide else 8)
    table.add_column(width=4, justify="right")
    table.add_column(ratio=6, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for task in shown:
        table.add_row(*_row(task, short=not wide))
    hidden = len(tasks) - len(shown)
    summary = task_line.totals(list(tasks)) + (f" · {hidden} not shown" if hidden else "")
    return Group(table, Text(summary, style="dim", no_wrap=True, overflow="ellipsis"))


def fitting(tasks: Collection[Task], height: int) -> list[Task]:
    """At most `height` of the tasks: all in their order, or else those at work first."""
    if len(tasks) <= height:
        return list(tasks)
    rank = {"running": 0, "awaiting_approval": 1, "queued": 2, "failed": 3, "cancelled": 4}
    return sorted(tasks, key=lambda task: rank.get(task["state"], 5))[: max(height, 1)]


def _row(task: Task, *, short: bool) -> list[Text | ProgressBar]:
    percentage = task["progress"]["percentage"]
    style = _STYLES.get(task["state"], "cyan")
    bar = ProgressBar(total=100, completed=percentage, complete_style=style, finished_style=style)
    money = task_line.money(task_line.cost(task), task["mode"], short=short)
    elapsed = task_line.duration(task_line.seconds(task, now()))
    return [
        Text(line(task["title"])),
        Text(task_line.stage(task), style=style),
        bar,
        Text(f"{percentage}%"),
        Text(task_line.message(task), style="red" if task["error"] else "dim"),
        Text(elapsed),
        Text(money),
    ]
