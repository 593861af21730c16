"""`kyros doctor --models`: one small real call to each configured model, a line each."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from kyros_worker import settings as settings_room
from kyros_worker.errors import ConfigurationError
from kyros_worker.model.catalog import ChosenModel, ModelNotConfiguredError, configured
from kyros_worker.model.prices import cost, unpriced
from kyros_worker.words import ROLES, TIERS

if TYPE_CHECKING:
    from kyros_worker.model.call import Outcome

#: Room for a model that thinks before it answers.
_OUTPUT_TOKENS = 2_000
_SYSTEM = 'Answer with this JSON object and nothing else: {"ready": true}'
_SCHEMA = {
    "type": "object",
    "properties": {"ready": {"type": "boolean"}},
    "required": ["ready"],
    "additionalProperties": False,
}


def doctor_models(environ: Mapping[str, str]) -> int:
    """Calls each configured model once and prints what came of it.

    The exit code: 0 when all answered as asked, else 1. Without a model there is nothing to fail.
    Raises nothing for a wrong configuration: that is printed too.
    """
    try:
        settings_room.load(environ)
    except ConfigurationError as error:
        print(f"FAIL  settings: {error}")
        return 1
    models = _models()
    if not models:
        print("ok    models: none is configured; everything runs on the sandbox model")
        return 0
    lines = asyncio.run(_all(models))
    for line in lines:
        print(line)
    return 1 if any(line.startswith("FAIL") for line in lines) else 0


def _models() -> list[ChosenModel]:
    """Each configured model once, whatever it is configured for."""
    configuration = settings_room.current().configuration
    chosen = (
        model for tier in TIERS for role in ROLES for model in configured(configuration, role, tier)
    )
    return list({(model.provider, model.name): model for model in chosen}.values())


async def _all(models: list[ChosenModel]) -> list[str]:
    return list(await asyncio.gather(*(_line(model) for model in models)))


async def _line(model: ChosenModel) -> str:
    from kyros_worker.model import providers  # noqa: PLC0415
    from kyros_worker.model.call import Form, call  # noqa: PLC0415

    name = f"{model.provider}: {model.name}"
    small = replace(model, output_limit=min(model.output_limit, _OUTPUT_TOKENS))
    try:
        opened = await providers.opened(small)
        form = Form("ready", _SCHEMA, strict=not providers.is_lenient(small))
        asked = None if providers.asks_for_schema(small) is False else form
        outcome = await call(opened, small, _SYSTEM, "Are you ready?", asked)
    except ModelNotConfiguredError as error:
        return f"FAIL  {name}: {error.message}"
    if outcome.failure is not None:
        return f"FAIL  {name}: {outcome.failure.message}"
    told = _told(model, outcome)
    if not _is_object(outcome.text):
        return f"FAIL  {name}: it answered, but not with the JSON object asked for ({told})"
    return f"ok    {name}: {told}"


def _told(model: ChosenModel, outcome: "Outcome") -> str:
    used = outcome.usage
    tokens = f"{used.input_tokens} + {used.output_tokens} tokens" if used.reported else "no usage"
    price = "cost unknown: it has no price"
    match unpriced(model, used):
        case None:
            price = f"{cost(model, used) or 0:.6f} USD"
        case "no_usage":
            price = "cost unknown"
    return f"{outcome.latency_seconds:.1f} s, {tokens}, {price}"


def _is_object(text: str) -> bool:
    """Whether there is an object in the answer, as there must be in every role's."""
    start, end = text.find("{"), text.rfind("}")
    try:
        return isinstance(json.loads(text[start : end + 1]), dict)
    except ValueError:
        return False
