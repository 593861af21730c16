import pytest

from kyros_worker.command.home import Home
from kyros_worker.command.logs import Follower, logs, names
from kyros_worker.errors import ConfigurationError


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path)
    home.logs.mkdir()
    home.log("api").write_text("old\n")
    return home


def test_a_follower_reads_on_through_a_rotation(home):
    follower = Follower(home, ["api", "critic"], from_end=True)
    with home.log("api").open("a") as log:
        log.write("one\nhal")
    assert list(follower.lines(seconds=0)) == ["api    | one"]
    with home.log("api").open("a") as log:
        log.write("f\n")
    home.log("critic").write_text("two\n")
    assert list(follower.lines(seconds=0)) == ["api    | half", "critic | two"]
    home.log("api").rename(home.logs / "api.log.1")
    home.log("api").write_text("three\n")
    assert list(follower.lines(seconds=0)) == ["api    | three"]


def test_the_last_lines_are_shown_with_their_process(home, capsys):
    logs(home, "api", follow=False)
    assert capsys.readouterr().out == "api | old\n"


def test_an_unknown_process_is_one_sentence(home):
    home.log("supervisord.start").write_text("")
    assert names(home) == ["api"]
    with pytest.raises(ConfigurationError, match="No process is called web; there are api"):
        logs(home, "web", follow=False)


def line(second, text, form="console"):
    at = f"2026-11-25T15:00:{second:02}.000000Z"
    return f"{at} info {text}" if form == "console" else f'{{"timestamp":"{at}",{text}}}'


@pytest.mark.parametrize(("id_", "found"), [
    ("req_1", ["req_1", "of task_7."]), ("req", []), ("req_10", ["req_10"]),
    ("task_7", ["of task_7."]), ("mine-1.2", ["mine-1.2"]), ("mine-1", []), ("2", []),
])  # fmt: skip
def test_an_id_is_no_beginning_of_another(home, capsys, id_, found):
    texts = ["request_id=req_1", "request_id=req_10", "request_id=mine-1.2"]
    texts.append('"request_id": "req_1", "event": "The end of task_7."')
    home.log("api").write_text("".join(f"{line(1, text)}\n" for text in texts))
    logs(home, "api", follow=False, ids=[id_])
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == len(found)
    assert all(one.strip('"').endswith(end) for one, end in zip(shown, found, strict=True))


def test_a_line_that_had_to_be_written_otherwise_is_a_line(home, capsys):
    """JSON of Python's own has a space behind each colon."""
    at = "2026-11-25T15:00:01.000000Z"
    home.log("api").write_text(
        f'{line(1, "request_id=req_1")}\n{{"timestamp": "{at}", "request_id": "req_2"}}\n'
    )
    logs(home, "api", follow=False, ids=["req_1"])
    assert "req_2" not in capsys.readouterr().out


@pytest.fixture
def told(home):
    """The logs of two processes, one of them rotated, in both forms."""
    home.log("api").with_name("api.log.1").write_text(
        f"{line(1, 'request request_id=req_1')}\n{line(3, 'request request_id=req_2')}\n"
    )
    home.log("api").write_text(
        f"{line(7, 'failed request_id=req_1')}\n  Traceback\n  ValueError\n{line(8, 'ready')}\n"
    )
    ids = '"request_id":"req_1","task_id":"task_1"'
    home.log("critic").write_text(f"{line(5, ids, 'json')}\n")
    return home


def test_one_request_is_followed_through_all_processes_and_rotations(told, capsys):
    logs(told, None, follow=False, ids=["req_1"])
    assert [one.split(None, 2) for one in capsys.readouterr().out.splitlines()] == [
        ["api", "|", line(1, "request request_id=req_1")],
        ["critic", "|", line(5, '"request_id":"req_1","task_id":"task_1"', "json")],
        ["api", "|", line(7, "failed request_id=req_1")],
        ["api", "|", "Traceback"],
        ["api", "|", "ValueError"],
    ]


def test_one_task_of_one_request(told, capsys):
    logs(told, None, follow=False, ids=["req_1", "task_1"])
    assert capsys.readouterr().out.startswith('critic | {"timestamp":"2026-11-25T15:00:05.')
    logs(told, None, follow=False, ids=["req_9"])
    assert capsys.readouterr().out == ""


def test_what_is_followed_is_chosen_too(told):
    follower = Follower(told, ["api"], from_end=True, ids=["req_1"])
    with told.log("api").open("a") as log:
        log.write(f"{line(9, 'request_id=req_2')}\n  its error\n{line(9, 'request_id=req_1')}\n")
    assert list(follower.lines(seconds=0)) == [f"api | {line(9, 'request_id=req_1')}"]
