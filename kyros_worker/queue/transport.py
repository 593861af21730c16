"""Kombu's Redis transport, but for one client a channel.

Kombu makes a client for each command, which takes as long as the command. A client has no
connection of its own: it takes one from the channel's pool for each command, so threads may share
it.
"""

from typing import Any

from kombu.transport import redis


class Channel(redis.Channel):
    """A channel that keeps its client for as long as it has the same pool."""

    _kept: tuple[Any, Any] | None = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            # The pollers' clients, each with a connection of its own.
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call]
        pool = self.pool
        if self._kept is None or self._kept[0] is not pool:
            self._kept = (pool, super()._create_client())  # type: ignore[no-untyped-call]
        return self._kept[1]


class Transport(redis.Transport):
    """The transport of every `redis://` and `rediss://` address."""

    Channel = Channel
