"""The commands as they are typed, against a scripted API."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from kyros_worker.command import bars
from kyros_worker.command.task_commands import task_app
from tests.kyros_worker.command.scripted_api import KEY, Asked, ScriptedApi, data, refusal, stream

ID = "task_17953903388844524678222"


@pytest.fixture
def run(api: ScriptedApi, tmp_path, monkeypatch):
    monkeypatch.setenv("KYROS_HOME", str(tmp_path))
    monkeypatch.setenv("KYROS_API_URL", api.url)
    monkeypatch.setenv("KYROS_API_KEY", KEY)
    return lambda *typed, **more: CliRunner().invoke(task_app, typed, **more)


@pytest.fixture
def ending(make_task):
    """Answers every request about a task; it goes on to `state`."""

    def script(state, **fields):
        begun, done = make_task(0), make_task(5, state=state, **fields)

        def answer(asked: Asked):
            if asked.method == "POST":
                return data(begun, 201)
            if asked.path.endswith("/stream"):
                return stream((1, begun), (5, done), end=True)
            return data(done)

        return answer

    return script


def test_submit_prints_the_id(api, run, make_task):
    api.answers(data(make_task(), 201))
    done = run("submit", "--title", "Add a limit", "--criterion", "a", "--criterion", "b")
    assert (done.exit_code, done.stdout) == (0, f"{ID}\n")
    assert api.asked[0].json == {"title": "Add a limit", "acceptance_criteria": ["a", "b"]}


def test_submit_sends_many_as_one_batch(api, run, make_task, tmp_path):
    (tmp_path / "a.json").write_text('[{"title": "a"}, {"title": "b"}]')
    api.answers(data({"tasks": [make_task(id="task_1"), make_task(id="task_2")]}, 201))
    done = run("submit", str(tmp_path / "a.json"), "-", input='{"title": "c"}')
    assert done.stdout == "task_1\ntask_2\n"
    assert api.asked[0].path == "/v1/tasks/batch"
    assert len(api.asked[0].json["tasks"]) == 3


@pytest.mark.parametrize(("state", "code"), [("completed", 0), ("failed", 3), ("cancelled", 3)])
@pytest.mark.parametrize("how", ["--wait", "--watch"])
def test_submit_can_stay_until_the_end(api, run, ending, how, state, code):
    api.answers(ending(state, error=None if state == "completed" else "Because."))
    done = run("submit", "--title", "x", how)
    assert done.exit_code == code
    assert done.stdout.startswith(f"{ID}\n")
    assert state in done.stdout
    assert ("Because." in done.stdout) == (code == 3)


@pytest.mark.parametrize("how", [[], ["--wait"], ["--watch"]])
def test_submit_prints_one_json_document(api, run, ending, how):
    api.answers(ending("completed"))
    done = run("submit", "--title", "x", "--json", *how)
    assert json.loads(done.stdout)["state"] == ("completed" if how else "queued")
    assert bool(done.stderr) == (how == ["--watch"])


@pytest.mark.parametrize(
    "typed",
    [
        [],
        ["none.json"],
        ["x.json", "--title", "x"],
        ["--title", "x", "--metadata", "3"],
        ["--title", "x", "--deadline", "soon"],
        ["--title", "x", "--idempotency-key", "é"],
        ["--title", "x", "--unknown"],
    ],
)
def test_what_is_typed_wrong_is_exit_code_2(api, run, typed):
    done = run("submit", *typed)
    assert done.exit_code == 2
    assert done.stderr
    assert api.asked == []


def test_a_refusal_is_exit_code_1(api, run):
    api.answers(refusal(422, "title is too long."))
    done = run("submit", "--title", "x")
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", "kyros: title is too long.\n")


def test_watch_prints_a_line_a_change(api, run, ending):
    api.answers(ending("failed", error="Because."))
    done = run("watch", ID, ID)
    assert done.exit_code == 3
    assert [line.split()[2] for line in done.stdout.splitlines()] == ["failed"]


def test_watch_without_ids_finds_the_unfinished(api, run, make_task):
    done = make_task(5, state="completed")

    def answer(asked: Asked):
        if "status=pending" in asked.path:
            return data({"tasks": [], "next_cursor": None, "has_more": False})
        if "status=in_progress" in asked.path:
            return data({"tasks": [make_task(0)], "next_cursor": None, "has_more": False})
        return stream((5, done), end=True) if asked.path.endswith("/stream") else data(done)

    api.answers(answer)
    watched = run("watch", "--json")
    assert watched.exit_code == 0
    states = [json.loads(line)["state"] for line in watched.stdout.splitlines()]
    assert states == ["queued", "completed"]


def test_watch_with_nothing_to_do_ends(api, run):
    api.answers(data({"tasks": [], "next_cursor": None, "has_more": False}))
    assert run("watch").stdout == "No task is unfinished.\n"
    assert run("watch", "--json").stdout == ""


def test_tasks_passes_the_filters_on(api, run, make_task):
    api.answers(data({"tasks": [make_task()], "next_cursor": "c", "has_more": True}))
    typed = [
        "--status", "pending", "--state", "queued", "--type", "review", "--priority", "high",
        "--role", "critic", "--query", "a b", "--after", "2026-01-31T09:30:00Z",
        "--before", "2026-02-01T00:00:00Z", "--limit", "1",
    ]  # fmt: skip
    done = run("tasks", *typed)
    assert api.asked[0].path == (
        "/v1/tasks?status=pending&state=queued&type=review&priority=high&assignee_role=critic"
        "&q=a+b&created_after=2026-01-31T09%3A30%3A00Z&created_before=2026-02-01T00%3A00%3A00Z"
        "&limit=1"
    )
    assert ID in done.stdout
    assert "--limit" in done.stderr
    assert json.loads(run("tasks", "-n", "1", "--json").stdout)["has_more"] is True


def test_show_prints_the_task_or_its_timeline(api, run, make_task):
    events = {"events": [], "next_cursor": None, "has_more": False}
    api.answers(lambda asked: data(events if "timeline" in asked.path else make_task()))
    assert "Add a limit" in run("show", ID).stdout
    assert json.loads(run("show", ID, "--json").stdout)["id"] == ID
    assert json.loads(run("show", ID, "--timeline", "--json").stdout) == events


def test_cancel_does_what_it_can(api, run, make_task):
    api.answers(
        lambda asked: (
            refusal(409, "task_2 is completed: it can't be cancelled.")
            if "task_2" in asked.path
            else data(make_task(state="cancelled"))
        )
    )
    done = run("cancel", "task_1", "task_2", "task_3")
    assert done.exit_code == 1
    assert done.stdout == "task_1 is cancelled.\ntask_3 is cancelled.\n"
    assert done.stderr == "kyros: task_2 is completed: it can't be cancelled.\n"
    assert run("retry", "task_1").stdout == "task_1 is queued again.\n"


@pytest.mark.parametrize("command", ["cancel", "retry"])
def test_what_became_of_each_task_as_json(api, run, make_task, command):
    api.answers(
        lambda asked: (
            refusal(404, "There is no task task_2.")
            if "task_2" in asked.path
            else data(make_task())
        )
    )
    done = run(command, "task_1", "task_2", "task_3", "--json")
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [ID, ID]
    assert (done.exit_code, done.stderr) == (1, "kyros: There is no task task_2.\n")


def test_the_bars_fit_the_terminal_and_nothing_in_them_acts(make_task):
    console = Console(file=io.StringIO(), width=80, height=6, force_terminal=True)
    evil = "Evil \x1b[31m [red]x[/red] [/] \x07"
    tasks = [make_task(n, id=f"task_{n}", title=evil, state="completed") for n in range(9)]
    tasks.append(make_task(1, title="At work", state="running", stage="[bold]", percentage=33))
    console.print(bars.render(tasks, console))
    drawn = Console(file=io.StringIO(), width=80, height=6)
    drawn.print(bars.render(tasks, drawn))
    lines = drawn.file.getvalue().splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("At work")
    assert "[bold]" in lines[0]
    assert "33%" in lines[0]
    assert lines[1].startswith("Evil \\x1b")
    assert "9 of 10 ended: 9 completed" in lines[-1]
    assert "test-mode money" in lines[-1]
    assert all(len(line) <= 80 for line in lines)
    assert "\x1b[31m [red]" not in console.file.getvalue()
    assert "\x07" not in console.file.getvalue()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("kyros can", ["cancel"]),
        ("kyros submit --prio", ["--priority"]),
        ("kyros submit --priority h", ["high"]),
        ("kyros submit --role ", ["implementer", "critic", "integrator"]),
        ("kyros tasks --state c", ["completed", "cancelled"]),
        ("kyros keys rev", ["revoke"]),
        ("kyros escalations list --status r", ["requested", "rejected"]),
    ],
)
def test_the_shell_completes_commands_options_and_words(typed, words):
    environment = {
        **os.environ, "_KYROS_COMPLETE": "complete_bash", "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split(" ")) - 1),
    }  # fmt: skip
    done = subprocess.run(
        [Path(sys.executable).with_name("kyros")],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (done.stdout.split(), done.stderr) == (words, "")


def test_ctrl_c_leaves_without_a_traceback(api, make_task, tmp_path):
    def answer(asked: Asked):
        if asked.path.endswith("/stream"):
            time.sleep(1)
        return data(make_task())

    api.answers(answer)
    environment = {
        **os.environ, "KYROS_HOME": str(tmp_path), "KYROS_API_URL": api.url, "KYROS_API_KEY": KEY,
    }  # fmt: skip
    command = [Path(sys.executable).with_name("kyros"), "watch", ID]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout.readline().startswith(ID)
        deadline = time.monotonic() + 20
        # Python may drop one interrupt, raised where nothing can be raised; people press again.
        while watching.poll() is None and time.monotonic() < deadline:
            watching.send_signal(signal.SIGINT)
            time.sleep(0.5)
        watching.kill()
        _, error = watching.communicate()
    assert (watching.returncode, error) == (130, "")


def test_no_command_about_tasks_loads_what_only_the_servers_need():
    script = (
        "import sys, kyros_worker.command.main, kyros_worker.command.submit;"
        "print(sorted({'celery', 'sqlalchemy', 'pydantic_ai', 'flask'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout == "[]\n"
