"""The models of the configuration, opened: one set a process, their connections pooled.

Only what works on the one event loop (`loop.py`) may use them: a client's connections belong to
the loop that they were first used on. The libraries are imported at first use, in a thread, since
that takes seconds. Nobody but the worker processes comes here.
"""

import asyncio
import inspect
import logging
import os
import threading
from functools import partial
from typing import Any

from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model, infer_model
from pydantic_ai.providers import Provider as Client
from pydantic_ai.providers import infer_provider_class

from kyros_worker import configuration
from kyros_worker.configuration import COMPATIBLE, OWN_SERVERS
from kyros_worker.model.catalog import ChosenModel, ModelNotConfiguredError
from kyros_worker.settings import current

#: Told even where it is the library's default, which a variable like OPENAI_BASE_URL would change:
#: a key goes nowhere but where the configuration says.
_ADDRESSES = {
    "anthropic": "https://api.anthropic.com",
    "google": "https://generativelanguage.googleapis.com",
    "openai": "https://api.openai.com/v1",
    "openai-chat": "https://api.openai.com/v1",
    "openai-responses": "https://api.openai.com/v1",
}
#: What pydantic-ai's providers call the address.
_ADDRESS_NAMES = ("base_url", "api_base", "azure_endpoint", "api_host")
#: They log every request at INFO.
_TALKATIVE = ("httpx", "httpx2", "httpcore", "openai", "anthropic", "google_genai")

_lock = threading.Lock()
_clients: dict[str, Client[Any]] = {}
_models: dict[tuple[str, str], Model] = {}


async def opened(chosen: ChosenModel) -> Model:
    """The model, ready to be called. Raises ModelNotConfiguredError with a sentence."""
    found = _models.get((chosen.provider, chosen.name))
    if found is None:
        found = await asyncio.to_thread(_open, chosen)
    return found


def asks_for_schema(chosen: ChosenModel) -> bool | None:
    """Whether the configuration wants answers asked for as a JSON schema; None: if it can."""
    return _configured(chosen).json_schema


def is_lenient(chosen: ChosenModel) -> bool:
    """Whether a schema stays as it is, for a server of one's own.

    The strict modes of the large providers want the narrower shape that OpenAI's has.
    """
    return _configured(chosen).kind in OWN_SERVERS


def forget() -> None:
    """Forgets every opened model, as the end of the process would."""
    global _lock  # noqa: PLW0603 - a child must not wait for a thread that it does not have
    _lock = threading.Lock()
    _clients.clear()
    _models.clear()


os.register_at_fork(after_in_child=forget)


def _open(chosen: ChosenModel) -> Model:
    with _lock:
        key = (chosen.provider, chosen.name)
        if key not in _models:
            _models[key] = _made(chosen)
        return _models[key]


def _made(chosen: ChosenModel) -> Model:
    provider = _configured(chosen)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    # pydantic-ai's name for a model of that protocol on any server.
    kind = "openai-chat" if provider.kind in OWN_SERVERS else provider.kind
    try:
        return infer_model(f"{kind}:{chosen.name}", partial(_client, chosen.provider, provider))
    except ImportError as error:
        raise ModelNotConfiguredError(
            f"providers.{chosen.provider}: the library for {provider.kind} is not installed: "
            f"pip install 'pydantic-ai-slim[{provider.kind}]' beside Kyros."
        ) from error
    except (UserError, TypeError, ValueError) as error:
        raise ModelNotConfiguredError(f"providers.{chosen.provider}: {error}") from error


def _client(name: str, provider: configuration.Provider, _: str) -> Client[Any]:
    """The provider's client, the same for all its models, so that they share connections."""
    if name not in _clients:
        key = current().provider_keys.get(name)
        given: dict[str, Any] = dict(provider.options)
        if key is not None:
            given["api_key"] = key.get_secret_value()
        address = provider.base_url or _ADDRESSES.get(provider.kind)
        _clients[name] = _new_client(name, provider.kind, address, given)
    return _clients[name]


def _new_client(name: str, kind: str, address: str | None, given: dict[str, Any]) -> Client[Any]:
    if kind in OWN_SERVERS:
        assert address is not None, "the configuration has checked it"
        from pydantic_ai.profiles.openai import OpenAIModelProfile  # noqa: PLC0415
        from pydantic_ai.providers.openai_compatible import (  # noqa: PLC0415
            OpenAICompatibleProvider,
        )

        # Every such server knows max_tokens; its newer name many ignore, and answer without end.
        profile = OpenAIModelProfile(openai_chat_supports_max_completion_tokens=False)
        return OpenAICompatibleProvider(name, base_url=address, profile=profile, **given)
    known = infer_provider_class(kind)
    if address is not None:
        takes = inspect.signature(known).parameters
        names = [one for one in _ADDRESS_NAMES if one in takes]
        if not names:
            raise UserError(f"kind {kind} takes no base_url; use {COMPATIBLE} for another server")
        given[names[0]] = address
    return known(**given)


def _configured(chosen: ChosenModel) -> configuration.Provider:
    found = current().configuration.providers.get(chosen.provider)
    if found is None:
        raise ModelNotConfiguredError(
            f"No {chosen.tier} model is configured for this work any more: name one for its role "
            "in the file that KYROS_CONFIG points to."
        )
    return found
