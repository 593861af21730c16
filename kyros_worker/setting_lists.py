"""Settings that are lists, of networks or of origins (pure)."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network

_HOST = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]")


def listed(value: str | None) -> tuple[str, ...]:
    """What a setting lists, separated by commas."""
    return tuple(one.strip() for one in (value or "").split(",") if one.strip())


def networks(value: str | None) -> tuple[Network, ...]:
    """The networks that a setting lists; raises ValueError for what is none."""
    found = []
    for one in listed(value):
        try:
            found.append(ip_network(one))
        except ValueError:
            raise ValueError(f"{one!r} is not a network such as 10.0.0.0/8") from None
    return tuple(found)


def refuse_no_origin(origin: str) -> None:
    """Raises ValueError for what no browser would send as its page's origin."""
    if origin == "*":
        raise ValueError("* would let every site in; name each origin, such as https://example.com")
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        raise ValueError(f"{origin!r} is not an origin such as https://example.com") from None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    usual = port is None or port == {"http": 80, "https": 443}.get(parts.scheme)
    exact = f"{parts.scheme}://{host}" + ("" if usual else f":{port}")
    if parts.scheme not in ("http", "https") or not host or not _HOST.fullmatch(host):
        raise ValueError(f"{origin!r} is not an origin such as https://example.com")
    if exact != origin:
        raise ValueError(f"{origin!r} is never sent so; write {exact}")
