"""A GitHub issue becomes a task, in each form in which one gets hold of it."""

import json

import pytest

from kyros_worker.command import new_task
from kyros_worker.task.schemas import NewTask

REST = {
    "id": 2931,
    "number": 12,
    "title": "Login fails",
    "body": "Since Monday.",
    "html_url": "https://github.example/acme/shop/issues/12",
    "url": "https://api.github.example/repos/acme/shop/issues/12",
    "labels": [{"name": "bug"}, {"name": "priority-high"}],
    "user": {"login": "ada"},
}
GH = {
    "number": 12,
    "title": "Login fails",
    "body": "Since Monday.",
    "labels": [{"id": "L1", "name": "priority-high"}],
    "url": "https://github.example/acme/shop/issues/12",
}
EVENT = {"action": "opened", "issue": REST, "repository": {"full_name": "acme/shop"}}


def read(tmp_path, value):
    file = tmp_path / "issue.json"
    file.write_text(json.dumps(value))
    return new_task.from_files([str(file)])


@pytest.mark.parametrize("form", [REST, GH, EVENT], ids=["rest", "gh", "event"])
def test_each_form_is_the_same_task(tmp_path, form):
    task = read(tmp_path, form)
    assert task == {
        "title": "Login fails",
        "description": "Since Monday.",
        "priority": "high",
        "metadata": {
            "github_issue_number": 12,
            "github_issue_url": "https://github.example/acme/shop/issues/12",
        },
        "dedupe_key": "github-issue:https://github.example/acme/shop/issues/12",
    }
    NewTask.model_validate(task)


@pytest.mark.parametrize(
    ("changed", "field", "value"),
    [
        ({"body": None}, "description", None),
        ({"labels": []}, "priority", "medium"),
        ({"labels": None}, "priority", "medium"),
        ({"labels": ["Critical"]}, "priority", "critical"),
        ({"title": "x" * 301}, "title", "x" * 299 + "…"),
    ],
)
def test_what_an_issue_may_lack_or_exceed(tmp_path, changed, field, value):
    task = read(tmp_path, REST | changed)
    assert task[field] == value
    NewTask.model_validate(task)


def test_several_issues_and_tasks_are_one_batch(tmp_path):
    sent = read(tmp_path, [REST, {"title": "A task"}])
    assert [task["title"] for task in sent["tasks"]] == ["Login fails", "A task"]


def test_a_task_stays_as_it_is(tmp_path):
    task = {"title": "A task", "metadata": {"number": 3}}
    assert read(tmp_path, task) == task
