"""Whom a proxy may speak for, and that nobody else can."""

from ipaddress import ip_address

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from api import client_address
from api.client_address import address_of
from kyros_worker.setting_lists import networks
from kyros_worker.settings import current

TRUSTED = networks("10.0.0.0/8, 192.0.2.7, fd00::/8")
CLIENT, PROXY = "203.0.113.9", "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        (CLIENT, "", CLIENT),
        (CLIENT, "198.51.100.1", CLIENT),
        (PROXY, "", PROXY),
        (PROXY, CLIENT, CLIENT),
        # What stands left of the first untrusted hop may be anybody's invention.
        (PROXY, f"198.51.100.1, {CLIENT}", CLIENT),
        (PROXY, f"10.9.9.9, {CLIENT}", CLIENT),
        (PROXY, f"{CLIENT}, 10.0.0.2, 192.0.2.7", CLIENT),
        (PROXY, f"{CLIENT},192.0.2.8,10.0.0.2", "192.0.2.8"),
        ("192.0.2.8", CLIENT, "192.0.2.8"),
        # All are trusted: the first of them asks.
        (PROXY, "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        # Garbage: whoever passed it on.
        (PROXY, "unknown", PROXY),
        (PROXY, f"{CLIENT}, nobody, 10.0.0.2", "10.0.0.2"),
        (PROXY, f"{CLIENT}, 010.0.0.1", PROXY),
        (PROXY, f"{CLIENT}, 10.0.0", PROXY),
        (PROXY, f"{CLIENT}, 167772161", PROXY),
        (PROXY, f"{CLIENT}, \x00", PROXY),
        (PROXY, f'"{CLIENT}"', PROXY),
        (PROXY, ", ,", PROXY),
        (PROXY, f", {CLIENT}, ,", CLIENT),
        # Ports.
        (PROXY, f"{CLIENT}:49152", CLIENT),
        (PROXY, f"{CLIENT}:", PROXY),
        (PROXY, f"{CLIENT}:x", PROXY),
        (PROXY, f"{CLIENT}:123456", PROXY),
        (PROXY, "[2001:db8::1]:443", "2001:db8::1"),
        (PROXY, "[2001:db8::1]", "2001:db8::1"),
        (PROXY, "[2001:db8::1]443", PROXY),
        (PROXY, "[2001:db8::1", PROXY),
        # IPv6, and IPv4 in its clothes.
        (PROXY, "2001:DB8:0::1", "2001:db8::1"),
        ("fd00::1", "2001:db8::1, fd00::2", "2001:db8::1"),
        ("::ffff:10.0.0.1", f"::ffff:{CLIENT}", CLIENT),
        (f"::ffff:{CLIENT}", "198.51.100.1", CLIENT),
        (PROXY, "fe80::1%eth0", PROXY),
        # Hops without end.
        (PROXY, ", ".join([CLIENT, *["10.0.0.2"] * 100]), CLIENT),
        (PROXY, ", ".join(["198.51.100.1"] * 100), "198.51.100.1"),
        # No address at all.
        (None, CLIENT, None),
        ("", CLIENT, None),
        ("/run/kyros.sock", CLIENT, "/run/kyros.sock"),
    ],
)
def test_who_asks(peer, forwarded, expected):
    assert address_of(peer, forwarded, TRUSTED) == expected


ADDRESSES = st.one_of(st.ip_addresses(), st.sampled_from([ip_address(PROXY), ip_address(CLIENT)]))
SENT = st.one_of(st.text(max_size=200), st.lists(ADDRESSES.map(str)).map(", ".join))


def untrusted(address):
    return not any(address in network for network in TRUSTED)


@given(ADDRESSES.filter(untrusted), SENT)
def test_an_untrusted_peer_never_chooses_its_address(peer, sent):
    shown = getattr(peer, "ipv4_mapped", None) or peer
    if untrusted(shown):
        assert address_of(str(peer), sent, TRUSTED) == str(shown)


@given(ADDRESSES.filter(untrusted), SENT, st.integers(0, 5))
def test_nor_does_one_behind_proxies_that_append(client, sent, hops):
    shown = getattr(client, "ipv4_mapped", None) or client
    if not untrusted(shown):
        return
    forwarded = ", ".join([sent, str(client), *["10.0.0.2"] * hops])
    assert address_of(PROXY, forwarded, TRUSTED) == str(shown)


@given(st.text(), st.text())
def test_anything_is_read(peer, sent):
    address_of(peer, sent, TRUSTED)


@pytest.fixture
def trusting(monkeypatch):
    changed = current().model_copy(update={"trusted_proxies": "10.0.0.0/8"})
    monkeypatch.setattr(client_address, "current", lambda: changed)


def secure(peer, scheme="http", **headers):
    app = Flask("bare")
    base = {"environ_base": {"REMOTE_ADDR": peer}, "base_url": f"{scheme}://kyros"}
    with app.test_request_context(**base, headers=headers):
        return client_address.is_secure()


@pytest.mark.parametrize(
    ("peer", "said", "expected"),
    [
        (PROXY, "https", True),
        (PROXY, "HTTPS", True),
        (PROXY, "http", False),
        (PROXY, "", False),
        (PROXY, "on", False),
        (CLIENT, "https", False),
        # The last value is our neighbour's own.
        (PROXY, "https, http", False),
        (PROXY, "http,https", True),
    ],
)
def test_is_secure(trusting, peer, said, expected):
    assert secure(peer, **{"X-Forwarded-Proto": said}) is expected


def test_without_a_word_the_connection_decides(trusting):
    assert secure(PROXY, "https") is True
    assert secure(CLIENT, "https", **{"X-Forwarded-Proto": "http"}) is True
    assert secure(PROXY, "https", **{"X-Forwarded-Proto": "http"}) is False


def test_nobody_is_trusted_by_default(schema):
    assert secure("127.0.0.1", **{"X-Forwarded-Proto": "https"}) is False


def test_several_headers_are_one_list(trusting):
    app = Flask("bare")
    headers = [("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", CLIENT)]
    with app.test_request_context(environ_base={"REMOTE_ADDR": PROXY}, headers=headers):
        assert client_address.client_address() == CLIENT
