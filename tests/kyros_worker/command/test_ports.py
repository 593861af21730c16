import socket

import pytest

from kyros_worker.command.ports import check_free, free_port, reachable_host
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


def test_a_free_port_is_free():
    check_free("127.0.0.1", free_port(), "KYROS_API_PORT")


def test_an_unknown_host_is_one_sentence():
    with pytest.raises(ConfigurationError, match="not free"):
        check_free("no.such.host.invalid", 1, "KYROS_API_PORT")


def test_a_server_on_all_addresses_is_reached_on_this_one():
    assert reachable_host("::") == "[::1]"
    assert reachable_host("10.0.0.1") == "10.0.0.1"
