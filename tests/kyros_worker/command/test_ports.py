import socket

import pytest

from kyros_worker.command.ports import FIRST_PORT, check_free, free_port, reachable_host
from kyros_worker.errors import ConfigurationError


@pytest.mark.parametrize("shared", [False, True])
def test_a_port_that_is_used_is_named_with_its_setting(shared):
    with socket.socket() as other:
        if shared:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"Port {port} .*KYROS_API_PORT"):
            check_free("127.0.0.1", port, "KYROS_API_PORT")


def test_a_free_port_is_free_and_stays_so():
    port = free_port()
    check_free("127.0.0.1", port, "KYROS_API_PORT")
    assert port < 32_768, "outgoing connections could be given it"


def test_a_port_that_is_used_is_not_free(monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        taken, free = other.getsockname()[1] - FIRST_PORT, free_port() - FIRST_PORT
        chosen = iter([taken, taken, free])
        monkeypatch.setattr("secrets.randbelow", lambda _: next(chosen))
        assert free_port() == FIRST_PORT + free


def test_an_unknown_host_is_one_sentence():
    with pytest.raises(ConfigurationError, match="not free"):
        check_free("no.such.host.invalid", 1, "KYROS_API_PORT")


def test_a_server_on_all_addresses_is_reached_on_this_one():
    assert reachable_host("::") == "[::1]"
    assert reachable_host("10.0.0.1") == "10.0.0.1"
