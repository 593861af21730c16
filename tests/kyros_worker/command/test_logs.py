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
