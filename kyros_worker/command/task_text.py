"""Tasks and their results as plain text for people (pure)."""

from collections.abc import Iterator, Sequence
from typing import Any

from kyros_worker.command import task_line
from kyros_worker.command.printable import columns, indented, line

_INDENT = "  "
_COLUMNS = ("id", "state", "type", "priority", "done", "created", "title")


def described(task: dict[str, Any], escalation: dict[str, Any] | None = None) -> str:
    """All that a person asks of a task: what it is, how it stands, and its result.

    `escalation` is what it waits for somebody to decide.
    """
    parts = [_head(task), _asked(task)]
    if escalation is not None:
        parts.append(f"Waits for a decision\n{indented(_choice(escalation), _INDENT)}")
    if task["error"]:
        parts.append(f"Error\n{indented(task['error'], _INDENT)}")
    if task["result"] is not None:
        parts += result(task["result"])
    return "\n\n".join(part for part in parts if part)


def result(found: dict[str, Any]) -> Iterator[str]:
    """A result's parts; those that are empty or unknown are left out."""
    if found.get("summary"):
        yield f"Summary\n{indented(str(found['summary']), _INDENT)}"
    verdict = [
        f"{name} {found[key]}"
        for key, name in (
            ("decision", "decision"),
            ("score", "score"),
            ("confidence", "confidence"),
            ("revisions", "revisions"),
        )
        if found.get(key) is not None
    ]
    if verdict:
        yield f"Verdict\n{indented(line(', '.join(verdict)), _INDENT)}"
    yield from _section("Changes", [_change(one) for one in found.get("changes") or []])
    yield from _section("Criteria", [_criterion(one) for one in found.get("criteria") or []])
    yield from _section("Findings", [_finding(one) for one in found.get("findings") or []])
    yield from _section("Risks", [f"- {line(one)}" for one in found.get("risks") or []])
    yield from _section("Needs to see", [f"- {line(one)}" for one in found.get("needs") or []])


def table(tasks: Sequence[dict[str, Any]], width: int | None) -> str:
    """A line a task below the names of the columns, none wider than `width` columns."""
    return aligned([_COLUMNS, *(_row(task) for task in tasks)], width)


def aligned(rows: Sequence[tuple[str, ...]], width: int | None) -> str:
    """The rows as lines with their cells under each other; the last cell may be cut."""
    widths = [max(columns(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    lines = []
    for row in rows:
        cells = [
            cell + " " * (wide - columns(cell)) for cell, wide in zip(row, widths, strict=False)
        ]
        lines.append(line_of([*cells, row[-1]], width))
    return "\n".join(lines)


def line_of(cells: Sequence[str], width: int | None) -> str:
    """The cells side by side; the last one is cut where the line would be too wide."""
    before = "  ".join(cells[:-1]) + "  "
    room = None if width is None else max(width - columns(before), 10)
    return before + line(cells[-1], room)


def event(item: dict[str, Any]) -> str:
    """One fact of a timeline in a line: when, what, and what it says."""
    return f"{time(item['created_at'])}  {item['seq']:>4}  {item['type']:<22}  {_said(item)}"


def _head(task: dict[str, Any]) -> str:
    cost = task_line.money(task_line.cost(task), task["mode"])
    tier = f", {line(task['model_tier'])} tier" if task["model_tier"] else ""
    lines = [
        f"{line(task['id'])}  {line(task['url'])}",
        _standing(task),
        f"{line(task['type'])}, priority {task['priority']}, for the {line(task['assignee_role'])}",
        f"created {time(task['created_at'])}, {_lasted(task)}, {cost}{tier}",
    ]
    if task["mode"] == "test":
        lines.append("test mode: the sandbox model answers")
    return "\n".join([line(task["title"]), *(f"{_INDENT}{one}" for one in lines)])


def _standing(task: dict[str, Any]) -> str:
    if task["completed_at"]:
        return str(task["state"])
    percentage, message = task["progress"]["percentage"], line(task["progress"]["message"])
    return f"{task['state']}, {percentage}%, {task_line.stage(task)}: {message}"


def _lasted(task: dict[str, Any]) -> str:
    lasted = task_line.duration(task_line.seconds(task))
    return f"ended after {lasted}" if task["completed_at"] else f"{lasted} until its last change"


def _asked(task: dict[str, Any]) -> str:
    return f"Description\n{indented(task['description'], _INDENT)}" if task["description"] else ""


def _choice(escalation: dict[str, Any]) -> str:
    escalation_id = line(escalation["id"])
    return (
        f"{line(escalation['reason'])}\n"
        f"kyros escalations approve {escalation_id}\n"
        f"kyros escalations reject {escalation_id}"
    )


def _section(name: str, items: list[str]) -> Iterator[str]:
    if items:
        yield "\n".join([name, *(indented(item, _INDENT) for item in items)])


def _change(change: dict[str, Any]) -> str:
    head = f"{change['action']} {line(change['path'])}"
    body = change.get("content") if change.get("diff") is None else change["diff"]
    return head if body is None else f"{head}\n{indented(body.rstrip(), '  | ')}"


def _criterion(criterion: dict[str, Any]) -> str:
    met = "met    " if criterion["met"] else "NOT MET"
    return f"{met}  {line(criterion['criterion'])}\n{indented(criterion['evidence'], ' ' * 9)}"


def _finding(finding: dict[str, Any]) -> str:
    where = line(finding["where"])
    return f"{finding['severity']}: {where}\n{indented(finding['what'], ' ' * 4)}"


def _row(task: dict[str, Any]) -> tuple[str, ...]:
    return (
        line(task["id"]),
        task["state"],
        line(task["type"]),
        task["priority"],
        f"{task['progress']['percentage']:>3}%",
        time(task["created_at"]),
        task["title"],
    )


def _said(item: dict[str, Any]) -> str:
    data = item["data"]
    if item["type"].startswith("task."):
        return f"{data['progress']['percentage']:>3}%  {task_line.message(data)}"
    if item["type"].startswith("call."):
        return _call(data)
    return ", ".join(
        f"{line(str(key))} {line(str(value))}"
        for key, value in data.items()
        if key != "submission_id" and value is not None and not isinstance(value, dict | list)
    )


def _call(data: dict[str, Any]) -> str:
    cost = "cost not known"
    if data.get("cost_usd") is not None:
        cost = task_line.money(task_line.cost(data), data["mode"])
    if data.get("estimated"):
        cost += ", estimated: it told no usage"
    words = f"{data['role']} on {line(data['model'])} ({data['tier']}): "
    if data.get("error"):
        words += f"{line(data['error'])} "
    if data.get("input_tokens") is not None:
        words += f"{data['input_tokens']} tokens in, {data['output_tokens']} out, "
    return f"{words}{cost}"


def time(value: str) -> str:
    """RFC 3339 to the second, in UTC as it came."""
    return line(value[:19]) + "Z"
