"""Which addresses a webhook may reach, so that nobody looks into this network through it.

Pure: nothing is resolved here. `refusal` judges an address that is about to be connected to;
`refusal_of_url` judges what a URL says of itself, when a webhook is made.
"""

import re
import socket
import unicodedata
from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import SplitResult, urlsplit

from yarl import URL

Address = IPv4Address | IPv6Address
Networks = tuple[IPv4Network | IPv6Network, ...]
#: Addresses and ports of the stack itself. None as the address is this machine: loopback.
Own = frozenset[tuple[str | None, int]]

LONGEST_URL = 2048
_LAST_PORT = 65535
_SCHEMES = ("http", "https")

#: What a cloud tells its machines, credentials among it; no network may allow these.
_METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # AWS, Azure, Google, DigitalOcean, OpenStack and others
            "169.254.169.253", "169.254.169.123",  # AWS: names, time
            "169.254.170.2", "169.254.170.23",  # AWS: credentials of a container
            "169.254.0.23", "169.254.10.10",  # Tencent
            "169.254.42.42",  # Scaleway
            "100.100.100.200",  # Alibaba
            "100.96.0.96",  # Volcengine
            "168.63.129.16",  # Azure
            "192.0.0.192",  # Oracle
            "fd00:ec2::254", "fd00:ec2::253", "fd00:ec2::123", "fd00:ec2::23",  # AWS
            "fd20:ce::254",  # Google
            "fd00:42::42",  # Scaleway
            "fe80::a9fe:a9fe",  # OpenStack
        ),
    )
)  # fmt: skip
_METADATA_NAMES = frozenset((
    "metadata", "metadata.google.internal", "metadata.goog", "instance-data",
    "instance-data.ec2.internal", "metadata.tencentyun.com", "metadata.azure.internal",
    "metadata.platformequinix.com", "metadata.packet.net",
))  # fmt: skip
_LOCAL_NAMES = frozenset((
    "localhost", "localdomain", "localhost6", "localdomain6", "ip6-localhost", "ip6-loopback",
))  # fmt: skip

#: What isn't global unicast, told here since `is_global` differs between Pythons; the first wins.
_SPECIAL_4 = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("0.0.0.0/32", "unspecified"),
        ("0.0.0.0/8", "reserved"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a provider's customers"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_SPECIAL_6 = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("2001::/32", "a tunnel"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "a tunnel"),
        ("3fff::/20", "for documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
#: Where the low 32 bits are an IPv4 address.
_LOW = (_MAPPED, _NAT64, IPv6Network("::/96"), IPv6Network("::ffff:0:0:0/96"))
_6TO4 = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
#: The upper half of the interface part of an ISATAP address, under any prefix.
_ISATAP = (0x00005EFE, 0x02005EFE)
_IPV4_NETWORK_OF_NOTHING = IPv4Network("0.0.0.0/8")

_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_NAME = re.compile(r"(?!.{254})[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")


def networks(text: str) -> Networks:
    """The networks of a comma-separated list such as `10.0.0.0/8, ::1`; blank is none.

    Raises ValueError with a sentence that quotes the wrong one.
    """
    found: list[IPv4Network | IPv6Network] = []
    for part in filter(None, map(str.strip, text.split(","))):
        try:
            network = ip_network(part)
        except ValueError as error:
            raise ValueError(
                f"{part!r} is not a network such as 10.0.0.0/8 (no bits may be set after its mask)."
            ) from error
        if isinstance(network, IPv6Network) and network.overlaps(_MAPPED):
            raise ValueError(f"{part!r} holds mapped IPv4 addresses: name them as IPv4.")
        found.append(network)
    return tuple(found)


def own_ports(ports: Iterable[int], addresses: Iterable[str] = ()) -> Own:
    """The stack's ports on this machine: on loopback, and on the addresses of its interfaces."""
    places = (None, *addresses)
    return frozenset((place, port) for port in ports for place in places)


def is_private(address: str) -> bool:
    """Whether an address is other than a public one; what is no address counts as private."""
    try:
        address_ = ip_address(address)
    except ValueError:
        return True
    return any(_kind(view) is not None for view in _views(address_))


def refusal(address: str, port: int, allowed: Networks = (), own: Own = frozenset()) -> str | None:
    """Why an address may not be connected to, as a sentence, or None when it may.

    `address` is an IP address as text. An IPv4 address within an IPv6 one is judged too, and both
    must be allowed. Metadata addresses and `own` are refused whatever `allowed` says.
    """
    if "%" in address:
        return f"The address {address} names a zone."
    try:
        views = _views(ip_address(address))
    except ValueError:
        return f"{address!r} is not an IP address."
    return _never(address, port, views, own) or next(
        (
            f"The address {address} is {kind}: it is reached only where"
            " KYROS_WEBHOOK_ALLOWED_NETWORKS names it."
            for view in views
            if (kind := _kind(view)) is not None and not any(view in network for network in allowed)
        ),
        None,
    )


def _never(address: str, port: int, views: tuple[Address, ...], own: Own) -> str | None:
    """Why it may not be connected to even where a network allows it."""
    if not 0 < port <= _LAST_PORT:
        return f"The port {port} is not between 1 and {_LAST_PORT}."
    if any(view in _METADATA for view in views):
        return f"The address {address} is a cloud's metadata service: it is never reached."
    if any(_is_own(view, port, own) for view in views):
        return f"The address {address} with port {port} is the stack's own: it is never reached."
    return None


def refusal_of_url(url: str, allowed: Networks = (), own: Own = frozenset()) -> str | None:
    """Why a webhook can't have this URL, as a sentence, or None when it can.

    A name may still lead to a refused address: that is judged when it is resolved.
    """
    if len(url) > LONGEST_URL:
        return f"The URL is longer than {LONGEST_URL:,} characters."
    if not url.isprintable() or any(letter.isspace() or letter == "\\" for letter in url):
        return "The URL has a space, a backslash or a character that can't be seen."
    try:
        parts, sent = urlsplit(url), URL(url)
        port = parts.port
    except ValueError:
        return "The URL is not valid."
    if (reason := _refusal_of_parts(url, parts)) is not None:
        return reason
    if port is None:
        port = 443 if parts.scheme == "https" else 80
    if not 0 < port <= _LAST_PORT or port != sent.port:
        return f"The port is not between 1 and {_LAST_PORT}."
    # Both what is written and what the sender would make of it.
    hosts = (_folded(parts.hostname or ""), _folded(sent.raw_host or ""))
    reasons = (_refusal_of_host(host, port, allowed, own) for host in dict.fromkeys(hosts))
    return next(filter(None, reasons), None)


def _refusal_of_parts(url: str, parts: SplitResult) -> str | None:
    if parts.scheme not in _SCHEMES:
        return "The URL doesn't begin with http:// or https://."
    if "@" in parts.netloc:
        return "The URL holds a user or a password."
    if "#" in url:
        return "The URL has a fragment."
    if not parts.hostname:
        return "The URL has no host."
    # Percent signs hide characters or name a zone; brackets are for IPv6 alone.
    if "%" in parts.netloc or ("[" in parts.netloc and ":" not in parts.hostname):
        return "The URL's host is neither a name nor an address."
    return None


def _folded(host: str) -> str:
    """The host as the odd forms of letters, digits and dots are meant."""
    text = unicodedata.normalize("NFKC", host).replace("\u3002", ".")
    return text.lower().removesuffix(".")


def _refusal_of_host(host: str, port: int, allowed: Networks, own: Own) -> str | None:
    if ":" in host:
        return refusal(host, port, allowed, own)
    last = host.rpartition(".")[2]
    if _NUMBER.fullmatch(last):
        return _refusal_of_number(host, port, allowed, own)
    if host in _METADATA_NAMES:
        return f"The name {host} is a cloud's metadata service: it is never reached."
    if last in _LOCAL_NAMES:
        return refusal("127.0.0.1", port, allowed, own)
    # A name of other letters is judged in the ASCII form that is sent.
    return "The URL's host is not a name." if host.isascii() and not _NAME.fullmatch(host) else None


def _refusal_of_number(host: str, port: int, allowed: Networks, own: Own) -> str | None:
    """Of a host that can't be a name: resolvers take it for an address, in C's notations."""
    try:
        meant = socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return "The URL's host ends in a number, but is not an IPv4 address."
    reason = refusal(meant, port, allowed, own)
    if reason is None and meant != host:
        return f"The URL's host is written oddly: {meant} is meant."
    return reason


def _views(address: Address) -> tuple[Address, ...]:
    """The address and each IPv4 address within it; a mapped one is nothing but that."""
    if isinstance(address, IPv4Address):
        return (address,)
    bits = int(address)
    if address in _MAPPED:
        return (IPv4Address(bits & 0xFFFFFFFF),)
    inner: list[int] = []
    if any(address in network for network in _LOW) and bits > 1:
        inner.append(bits)
    if address in _NAT64_LOCAL:
        inner += _translated(bits)
    if address in _6TO4:
        inner.append(bits >> 80)
    if address in _TEREDO:
        inner += (bits >> 64, ~bits)
    if (bits >> 32) & 0xFFFFFFFF in _ISATAP:
        inner.append(bits)
    return (address, *(IPv4Address(number & 0xFFFFFFFF) for number in inner))


def _translated(bits: int) -> Iterable[int]:
    """What a NAT64 of its own prefix may find: the prefix's length, 48 to 96, isn't known here.

    A wrong length mostly finds an address that nothing has.
    """
    # RFC 6052 leaves the bits 64 to 71 out.
    joined = ((bits >> 64) << 56) | (bits & ((1 << 56) - 1))
    found = (joined >> 40, joined >> 32, joined >> 24, bits)
    return [
        number
        for number in found
        if IPv4Address(number & 0xFFFFFFFF) not in _IPV4_NETWORK_OF_NOTHING
    ]


def _kind(address: Address) -> str | None:
    """What is special about an address, None for global unicast."""
    if isinstance(address, IPv4Address):
        return next((kind for network, kind in _SPECIAL_4 if address in network), None)
    if address in _NAT64:
        return None
    kind = next((kind for network, kind in _SPECIAL_6 if address in network), None)
    return kind if kind is not None or address in _GLOBAL_6 else "reserved"


def _is_own(address: Address, port: int, own: Own) -> bool:
    if any(ip_address(place) == address for place, its in own if place is not None and its == port):
        return True
    # Connecting to the unspecified address reaches loopback.
    return (None, port) in own and (address.is_loopback or address.is_unspecified)
