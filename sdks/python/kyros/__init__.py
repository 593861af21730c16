"""The Python SDK of Kyros.

    with kyros.KyrosClient(api_key="…") as client:
        task = client.tasks.create({"title": "Answer HEAD requests on /healthz"})

What needs httpx is imported when it is asked for: a receiver of webhooks needs `kyros.webhooks`
alone, which has no dependency.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, List

from kyros import errors, models, webhooks
from kyros.errors import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    ConflictError,
    KyrosError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    ValidationError,
)
from kyros.version import VERSION as __version__  # noqa: N811 - the name that Python looks for

if TYPE_CHECKING:
    from kyros.client import AsyncKyrosClient, KyrosClient

__all__ = [
    "APIConnectionError",
    "APITimeoutError",
    "AsyncKyrosClient",
    "AuthenticationError",
    "ConflictError",
    "KyrosClient",
    "KyrosError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ServerError",
    "ValidationError",
    "__version__",
    "errors",
    "models",
    "webhooks",
]


def __getattr__(name: str) -> Any:
    if name in ("KyrosClient", "AsyncKyrosClient"):
        return getattr(import_module("kyros.client"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> List[str]:
    return __all__
