import pytest

from kyros_worker.command.procfile import read
from kyros_worker.errors import ConfigurationError
from kyros_worker.settings import PROJECT_ROOT


def test_our_own_names_every_process():
    commands = read(PROJECT_ROOT / "Procfile")
    assert list(commands)[:2] == ["api", "dispatch"]
    assert commands["critic"] == ["kyros", "worker", "critic"]


def test_comments_and_blank_lines_say_nothing(tmp_path):
    path = tmp_path / "Procfile"
    path.write_text("# first\n\nweb: serve --name 'two words'\n")
    assert read(path) == {"web": ["serve", "--name", "two words"]}


@pytest.mark.parametrize(
    "line", ["no colon", "web:", "a b: c", "postgres: mine", "web: 'open", "web: a\nweb: b"]
)
def test_a_wrong_line_is_named(tmp_path, line):
    path = tmp_path / "Procfile"
    path.write_text(line)
    with pytest.raises(ConfigurationError, match=r"Procfile, line \d"):
        read(path)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(ConfigurationError, match="can't be read"):
        read(tmp_path / "Procfile")
