import io
import json
import sys
from pathlib import Path

import pytest

from kyros_worker.command.new_task import Options, UsageError, from_files, from_options, named
from kyros_worker.task.schemas import NewTask


def test_a_title_is_enough(tmp_path):
    assert from_options(Options(title="Add a limit"), tmp_path) == {"title": "Add a limit"}


def test_every_option_has_its_field(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a.py").write_text("a = 'é'\r\n", newline="")
    options = Options(
        title="t", description="d", type="review", priority="high", role="critic",
        complexity="low", criteria=("one", "two"), files=(tmp_path / "src/../src/a.py",),
        metadata='{"n": 1}', dedupe_key="k", deadline=60,
    )  # fmt: skip
    task = from_options(options, tmp_path)
    assert task == {
        "title": "t", "description": "d", "type": "review", "priority": "high",
        "assignee_role": "critic", "complexity": "low", "acceptance_criteria": ["one", "two"],
        "files_to_modify": ["src/a.py"], "metadata": {"n": 1},
        "context": {"files": {"src/a.py": "a = 'é'\r\n"}}, "dedupe_key": "k",
        "deadline_seconds": 60,
    }  # fmt: skip
    assert NewTask.model_validate(task).deadline_seconds == 60


def test_an_empty_description_and_a_deadline_of_zero_are_sent(tmp_path):
    sent = from_options(Options(title="t", description="", deadline=0), tmp_path)
    assert sent == {"title": "t", "description": "", "deadline_seconds": 0}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (Options(), "needs --title"),
        (Options(description="d"), "needs --title"),
        (Options(title="t", metadata="{"), "^--metadata: is not valid JSON"),
        (Options(title="t", metadata="[1]"), "--metadata must be a JSON object"),
        (Options(title="t", metadata='{"a":1,"a":2}'), "repeated"),
        (Options(title="t", metadata='{"a":NaN}'), "NaN"),
        (Options(title="t", files=(Path("none"),)), "none can't be read: No such file"),
        (Options(title="t\udcff"), "not UTF-8"),
    ],
)
def test_what_can_not_be_sent_is_one_sentence(tmp_path, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        from_options(options, tmp_path)


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"\xff")
    with pytest.raises(UsageError, match=r"a\.bin is not UTF-8 text"):
        from_options(Options(title="t", files=(tmp_path / "a.bin",)), tmp_path)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("a.py", "a.py"),
        ("./src//a.py", "src/a.py"),
        ("{folder}/a.py", "a.py"),
        ("../other/a.py", "../other/a.py"),
        ("/etc/hosts", "/etc/hosts"),
    ],
)
def test_a_path_is_named_from_the_folder(tmp_path, typed, name):
    assert named(Path(typed.format(folder=tmp_path)), tmp_path) == name


def test_one_file_with_one_task_is_that_task(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"title": "a", "metadata": {"n": 1.50}}')
    assert from_files([str(path)]) == {"title": "a", "metadata": {"n": 1.5}}


def test_lists_and_several_files_are_one_batch_in_their_order(tmp_path, monkeypatch):
    (tmp_path / "a.json").write_text('[{"title": "a"}, {"title": "b"}]')
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"title": "c"}')))
    tasks = from_files([str(tmp_path / "a.json"), "-"])["tasks"]
    assert [task["title"] for task in tasks] == ["a", "b", "c"]


@pytest.mark.parametrize("content", ["[]", "3", '"x"', "[[]]", "", "{'a': 1}", '{"a":1,"a":1}'])
def test_a_file_that_holds_no_task_is_named(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"a\.json"):
        from_files([str(path)])


def test_the_demos_tasks_are_valid_and_name_files_that_exist():
    root = Path(__file__).parents[3]
    tasks = [json.loads(path.read_text()) for path in (root / "deploy/demo/tasks").glob("*.json")]
    assert sorted(task["type"] for task in tasks) == [
        "deployment", "implementation", "implementation", "implementation", "review", "review",
    ]  # fmt: skip
    for task in tasks:
        NewTask.model_validate(task)
        assert task["files_to_modify"]
        assert all((root / path).is_file() for path in task["files_to_modify"])
        assert set(task["metadata"]["demo"]["expected"]) == {"state", "revisions", "retries"}
