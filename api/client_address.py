"""From which network address the current request comes, and whether over TLS.

Behind a proxy both stand in headers that anybody can send. They are believed only of the proxies
that KYROS_TRUSTED_PROXIES names, and only what those have written themselves.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from flask import request

from kyros_worker.setting_lists import Network, networks
from kyros_worker.settings import current

_Address = IPv4Address | IPv6Address
_PORT_DIGITS = 5


def client_address() -> str | None:
    """The caller's address; None where the server has none, as on a socket of the file system."""
    return address_of(request.remote_addr, request.headers.get("X-Forwarded-For", ""), _trusted())


def is_secure() -> bool:
    """Whether the caller's connection is encrypted: here, or as a trusted proxy says."""
    if _is_trusted(_address(request.remote_addr or ""), _trusted()):
        # Of several values the last is the one that our own neighbour wrote.
        said = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
        if said:
            return said == "https"
    return request.scheme == "https"


def address_of(peer: str | None, forwarded: str, trusted: Sequence[Network]) -> str | None:
    """Who asks, given the peer of the connection and what X-Forwarded-For says (pure).

    Each proxy appends whom it heard: so the header is walked from the right, over the hops that
    are trusted, to the first that is not. What is left of that may be anybody's invention.
    """
    found = _address(peer or "")
    if found is None:
        return peer or None
    hops = [hop for hop in forwarded.split(",") if hop.strip()]
    while hops and _is_trusted(found, trusted):
        before = _address(hops.pop())
        if before is None:
            break
        found = before
    return str(found)


def _is_trusted(address: _Address | None, trusted: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in trusted)


def _address(text: str) -> _Address | None:
    """The address in a hop, with or without a port; None for what is none."""
    text = text.strip()
    if text.startswith("["):
        text, bracket, port = text[1:].partition("]")
        good = bool(bracket) and (not port or (port[0] == ":" and _is_port(port[1:])))
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        good = _is_port(port)
    else:
        good = True
    if not good or "%" in text:
        return None
    try:
        found = ip_address(text)
    except ValueError:
        return None
    # A socket that serves both families shows IPv4 so.
    return getattr(found, "ipv4_mapped", None) or found


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _PORT_DIGITS


@lru_cache(maxsize=1)
def _trusted_of(named: str | None) -> tuple[Network, ...]:
    return networks(named)


def _trusted() -> tuple[Network, ...]:
    return _trusted_of(current().trusted_proxies)
