import json

import pytest

from kyros_worker.command.client_error import ClientError
from kyros_worker.command.server import find
from kyros_worker.settings import load


@pytest.fixture
def home(tmp_path):
    (tmp_path / "cli-key").write_text("kyros_test_own\n")
    return {"KYROS_HOME": str(tmp_path)}


def test_the_homes_own_stack_comes_first(home, tmp_path):
    (tmp_path / "stack.json").write_text(json.dumps({"api_host": "::", "api_port": 8123}))
    server = find(load({**home, "KYROS_API_PORT": "9000"}))
    assert (server.url, server.key, server.is_local) == (
        "http://[::1]:8123", "kyros_test_own", True,
    )  # fmt: skip


def test_without_a_stack_the_settings_say_where_it_would_be(home):
    assert find(load({**home, "KYROS_API_PORT": "9000"})).url == "http://127.0.0.1:9000"


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
def test_the_address_may_have_any_ending(home, ending):
    url = f"https://kyros.example.com/team{ending}"
    server = find(load({**home, "KYROS_API_URL": url, "KYROS_API_KEY": "kyros_test_other"}))
    assert server.url == "https://kyros.example.com/team"
    assert (server.key, server.is_local) == ("kyros_test_other", False)


def test_the_homes_key_goes_to_this_machine_alone(home):
    assert find(load({**home, "KYROS_API_URL": "http://localhost:8000"})).key == "kyros_test_own"
    with pytest.raises(ClientError, match="set KYROS_API_KEY"):
        find(load({**home, "KYROS_API_URL": "https://kyros.example.com"}))


@pytest.mark.parametrize(
    "url",
    ["kyros", "ftp://x", "http://", "http://x:99999", "http://x/?a=b", "http://a b", "http://["],
)
def test_what_is_no_address_is_named(home, url):
    with pytest.raises(ClientError, match=r"^KYROS_API_URL: "):
        find(load({**home, "KYROS_API_URL": url}))


@pytest.mark.parametrize("key", ["", " ", "kyros test", "kyros\x1b"])
def test_a_key_that_can_not_be_sent_is_none(home, tmp_path, key):
    (tmp_path / "cli-key").write_text(key)
    with pytest.raises(ClientError, match=r"cli-key holds no API key\.$"):
        find(load(home))


def test_no_key_is_one_sentence(tmp_path):
    with pytest.raises(ClientError, match=r"^No API key: set KYROS_API_KEY, or start the stack"):
        find(load({"KYROS_HOME": str(tmp_path / "none")}))
