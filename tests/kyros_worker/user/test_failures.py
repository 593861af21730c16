import pytest

from kyros_worker.user.failures import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a socket", "a socket"),
        ("", ""),
        (None, ""),
    ],
)
def test_by_what_tries_are_told_apart(address, network):
    assert network_of(address) == network
