"""Whom this deployment's webhooks may call, from its settings."""

import socket
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from kyros_worker.settings import current
from kyros_worker.webhook.address import Networks, Own, networks, own_ports
from kyros_worker.webhook.send import addresses_of_this_machine

_LOOPBACK = "127.0.0.0/8,::1/128"
_POSTGRES_PORT, _REDIS_PORT = 5432, 6379


class Allowed(NamedTuple):
    """Private networks that may be called, those whose answers are shown, and the stack's own."""

    networks: Networks
    shown: Networks
    own: Own


@lru_cache(maxsize=1)
def allowed() -> Allowed:
    """Whom this process may call; `loopback` is called, but its answers are not shown."""
    settings = current()
    named = [one.strip() for one in (settings.webhook_allowed_networks or "").split(",")]
    shown = networks(",".join(one for one in named if one != "loopback"))
    loopback = networks(_LOOPBACK) if "loopback" in named else ()
    stores = [
        (urlsplit(url).hostname, urlsplit(url).port or port)
        for url, port in (
            (settings.database_url, _POSTGRES_PORT),
            (settings.redis_url, _REDIS_PORT),
        )
        if url is not None
    ]
    ports = {settings.api_port, settings.flower_port, *(port for _, port in stores)}
    own = own_ports(ports, addresses_of_this_machine())
    elsewhere = {(address, port) for host, port in stores for address in _addresses(host)}
    return Allowed(shown + loopback, shown, own | elsewhere)


def _addresses(host: str | None) -> set[str]:
    """The addresses of a store's host, by which a webhook could mean it; none of an unknown one."""
    try:
        return {str(place[0]) for *_, place in socket.getaddrinfo(host, None)} if host else set()
    except OSError:
        return set()


def is_shown(address: str | None) -> bool:
    """Whether what a private address answers may be shown."""
    return address is not None and any(ip_address(address) in one for one in allowed().shown)
