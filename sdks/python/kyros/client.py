"""The two clients: one that blocks, and one for event loops."""

import ssl
from functools import lru_cache
from typing import Any, Dict, Generic, Optional

import httpx

from kyros import address
from kyros.agents import Agents
from kyros.api import Api
from kyros.api_keys import ApiKeys
from kyros.blocking import finish
from kyros.escalations import Escalations
from kyros.monitoring import Monitoring
from kyros.resource import K
from kyros.tasks import Tasks
from kyros.transport import Awaiting, Blocking
from kyros.webhook_endpoints import WebhookEndpoints

_SECONDS = 30.0
_RETRIES = 4
_CONNECTIONS = 100


class _Resources(Generic[K]):
    """The parts of the API."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.tasks = Tasks[K](api)
        self.agents = Agents[K](api)
        self.escalations = Escalations[K](api)
        self.webhooks = WebhookEndpoints[K](api)
        self.monitoring = Monitoring[K](api)
        self.api_keys = ApiKeys[K](api)


class KyrosClient(_Resources[Blocking]):
    """A client that blocks. Any number of threads may share one, and its pool of connections.

        with KyrosClient(api_key="…", base_url="https://kyros.example.com") as client: …

    `api_key` defaults to `KYROS_API_KEY`, `base_url` (with or without `/v1`) to `KYROS_API_URL`,
    else to this machine's own stack. `timeout` is in seconds, for each time that something is
    waited for; `max_retries` is how often a request is sent again after what passes (429, 5xx, a
    broken connection). `mode`, `live` or `test`, is for JWTs and OAuth2 tokens: a key has its own.
    Raises ValueError for an argument that is wrong. Every call raises a KyrosError.
    """

    def __init__(
        self,
        api_key: Optional[str] = None,
        base_url: Optional[str] = None,
        *,
        timeout: float = _SECONDS,
        max_retries: int = _RETRIES,
        mode: Optional[str] = None,
    ) -> None:
        url, key = address.base_url(base_url), address.api_key(api_key)
        super().__init__(Api(Blocking(**_options(url)), url, key, timeout, max_retries, mode))

    def close(self) -> None:
        """Closes all connections; the client is of no use afterwards."""
        finish(self._api.transport.close())

    def __enter__(self) -> "KyrosClient":  # noqa: PYI034 - Self is newer than Python 3.8
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncKyrosClient(_Resources[Awaiting]):
    """The same for asyncio: every call is awaited, every list iterated with `async for`.

        async with AsyncKyrosClient(api_key="…") as client: …

    The tasks of one event loop may share a client.
    """

    def __init__(
        self,
        api_key: Optional[str] = None,
        base_url: Optional[str] = None,
        *,
        timeout: float = _SECONDS,
        max_retries: int = _RETRIES,
        mode: Optional[str] = None,
    ) -> None:
        url, key = address.base_url(base_url), address.api_key(api_key)
        super().__init__(Api(Awaiting(**_options(url)), url, key, timeout, max_retries, mode))

    async def close(self) -> None:
        """Closes all connections; the client is of no use afterwards."""
        await self._api.transport.close()

    async def __aenter__(self) -> "AsyncKyrosClient":  # noqa: PYI034 - Self is newer than 3.8
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _options(url: str) -> Dict[str, Any]:
    """How the pool of connections is made."""
    return {
        "limits": httpx.Limits(
            max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS
        ),
        # A proxy of the environment can't reach this machine's loopback.
        "trust_env": not address.is_local(url),
        "verify": _certificates(),
    }


@lru_cache(maxsize=None)
def _certificates() -> ssl.SSLContext:
    """Who is trusted over TLS; reading that takes longer than all else that a client is made of."""
    return httpx.create_ssl_context()
