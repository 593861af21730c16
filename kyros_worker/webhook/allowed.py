"""Whom this deployment's webhooks may call, from its settings."""

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
    stores = (
        (settings.database_url, _POSTGRES_PORT),
        (settings.redis_url, _REDIS_PORT),
    )
    ports = {settings.api_port, settings.flower_port}
    ports |= {urlsplit(url).port or port for url, port in stores if url is not None}
    return Allowed(shown + loopback, shown, own_ports(ports, addresses_of_this_machine()))


def is_shown(address: str | None) -> bool:
    """Whether what a private address answers may be shown."""
    return address is not None and any(ip_address(address) in one for one in allowed().shown)
