import stat

import pytest

from kyros_worker.command import home as home_room
from kyros_worker.command.home import Home, keep_secrets, locked, prepared, write_private
from kyros_worker.errors import ConfigurationError


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


def test_a_new_home_is_private(home):
    with prepared(home):
        assert mode(home.root) == 0o700
        assert mode(home.logs) == 0o700


def test_a_new_home_goes_when_the_start_fails(home):
    with pytest.raises(KeyError), prepared(home):
        raise KeyError
    assert not home.root.exists()


def test_a_home_with_data_stays_when_the_start_fails(home):
    with prepared(home):
        keep_secrets(home)
    with pytest.raises(KeyError), prepared(home):
        raise KeyError
    assert home.secrets.exists()


def test_somebody_elses_folder_is_left_alone(home):
    home.root.mkdir(mode=0o755)
    (home.root / "letters").write_text("dear")
    with pytest.raises(ConfigurationError, match="holds something else"), prepared(home):
        pass
    assert mode(home.root) == 0o755
    assert [path.name for path in home.root.iterdir()] == ["letters"]


def test_a_file_in_its_place_is_one_sentence(home):
    home.root.write_text("")
    with pytest.raises(ConfigurationError, match="not a folder"), prepared(home):
        pass


def test_a_path_below_a_file_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ConfigurationError, match="can't be used"),
        prepared(Home(tmp_path / "file" / "home")),
    ):
        pass


def test_a_path_too_long_for_a_socket_is_one_sentence(tmp_path):
    with pytest.raises(ConfigurationError, match="too long"), prepared(Home(tmp_path / ("x" * 99))):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_supervisord_cannot_hold_is_one_sentence(tmp_path):
    with pytest.raises(ConfigurationError, match="can't be used"), prepared(Home(tmp_path / "a%b")):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_sentence(home, monkeypatch):
    monkeypatch.setattr(home_room, "SPACE_NEEDED", 1 << 60)
    with pytest.raises(ConfigurationError, match="too full"), prepared(home):
        pass
    assert not home.root.exists()


def test_only_one_start_at_a_time(home):
    with prepared(home), pytest.raises(ConfigurationError, match="at work"), locked(home):
        pass


def test_secrets_are_made_once_and_kept_private(home):
    with prepared(home):
        first = keep_secrets(home)
        assert keep_secrets(home) == first
        assert mode(home.secrets) == 0o600
        assert len({first.postgres_password, first.redis_password, first.secret_key}) == 3


def test_damaged_secrets_are_not_replaced(home):
    with prepared(home):
        write_private(home.secrets, "{")
        with pytest.raises(ConfigurationError, match="damaged"):
            keep_secrets(home)
        assert home.secrets.read_text() == "{"
