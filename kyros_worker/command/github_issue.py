"""A task from a GitHub issue's JSON.

Three forms are read: what GitHub's REST API answers, what `gh issue view --json
number,title,body,labels,url` prints, and the `issues` event that Actions and webhooks hand over,
which holds the issue under `issue`.
"""

from typing import Any

_LONGEST_TITLE = 300

#: The guide's map from labels ("GitHub Webhook Integration"), and a prefixed form of `critical`.
_PRIORITIES = {
    f"{prefix}{priority}": priority
    for priority in ("critical", "high", "medium", "low")
    for prefix in ("", "priority-")
}


def find_issue(value: dict[str, Any]) -> dict[str, Any] | None:
    """The issue in a JSON object of one of the three forms, else None: no task has its fields."""
    inner = value.get("issue")
    issue = inner if isinstance(inner, dict) else value
    known = isinstance(issue.get("title"), str) and type(issue.get("number")) is int
    return issue if known else None


def task_of(issue: dict[str, Any]) -> dict[str, Any]:
    """The task to send: the issue's words, a priority by its labels, and where it came from.

    Its `dedupe_key` makes a newer task of the same issue cancel an older unfinished one.
    """
    title, url = issue["title"], issue.get("html_url") or issue.get("url")
    source = {"github_issue_number": issue["number"], "github_issue_url": url}
    return {
        "title": title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 1]}…",
        "description": issue.get("body"),
        "priority": _priority(issue.get("labels")),
        "metadata": {name: value for name, value in source.items() if value is not None},
        "dedupe_key": f"github-issue:{url or issue['number']}"[:255],
    }


def _priority(labels: Any) -> str:
    for label in labels if isinstance(labels, list) else []:
        name = label.get("name") if isinstance(label, dict) else label
        if isinstance(name, str) and name.lower() in _PRIORITIES:
            return _PRIORITIES[name.lower()]
    return "medium"
