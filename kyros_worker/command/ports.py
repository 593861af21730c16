"""Ports: whether one is free, and finding one that is."""

import errno
import secrets
import socket
from contextlib import suppress

from kyros_worker.errors import ConfigurationError

FIRST_PORT, EPHEMERAL_PORTS = 20_000, 32_768


def check_free(host: str, port: int, setting: str) -> None:
    """Raises ConfigurationError naming the setting when nothing new can listen there.

    gunicorn listens with SO_REUSEPORT, so without this check a second stack would quietly share
    the first one's port.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        reason = "already in use" if error.errno == errno.EADDRINUSE else error.strerror
        raise ConfigurationError(
            f"Port {port} on {host} is not free ({reason}): stop what uses it or set {setting}."
        ) from error


def free_port() -> int:
    """A loopback port that nothing listens on now, and that no outgoing connection will be given.

    Those are given ports from 32768 on, by Linux's default: one of them could take a port between
    its choice, or a server's end, and the server's start.
    """
    while True:
        port = FIRST_PORT + secrets.randbelow(EPHEMERAL_PORTS - FIRST_PORT)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def reachable_host(host: str) -> str:
    """The host by which this machine reaches a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)  # nosec B104  # noqa: S104
