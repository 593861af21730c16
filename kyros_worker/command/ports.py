"""Ports: whether one is free, and finding one that is."""

import errno
import socket

from kyros_worker.errors import ConfigurationError


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
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def reachable_host(host: str) -> str:
    """The host by which this machine reaches a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)  # nosec B104  # noqa: S104
