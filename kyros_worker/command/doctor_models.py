"""`kyros doctor --models`: one small real call to each configured model, a line each."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from kyros_worker import settings as settings_room
from kyros_worker.command.doctor import Check, told
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


def doctor_models(environ: Mapping[str, str], *, as_json: bool = False) -> int:
    """Calls each configured model once and prints what came of it.

    The exit code: 0 when all answered as asked, else 1. Without a model there is nothing to fail.
    Raises nothing for a wrong configuration: that is printed too.
    """
    try:
        settings_room.load(environ)
    except ConfigurationError as error:
        return told([Check("settings", good=False, found=str(error))], as_json=as_json)
    models = _models()
    none = Check(
        "models", good=True, found="none is configured; everything runs on the sandbox model"
    )
    return told(asyncio.run(_all(models)) if models else [none], as_json=as_json)


def _models() -> list[ChosenModel]:
    """Each configured model once, whatever it is configured for."""
    configuration = settings_room.current().configuration
    chosen = (
        model for tier in TIERS for role in ROLES for model in configured(configuration, role, tier)
    )
    return list({(model.provider, model.name): model for model in chosen}.values())


async def _all(models: list[ChosenModel]) -> list[Check]:
    return list(await asyncio.gather(*(_check(model) for model in models)))


async def _check(model: ChosenModel) -> Check:
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
        return Check(name, good=False, found=error.message)
    if outcome.failure is not None:
        return Check(name, good=False, found=outcome.failure.message)
    used = _used(model, outcome)
    if not _is_object(outcome.text):
        found = f"it answered, but not with the JSON object asked for ({used})"
        return Check(name, good=False, found=found)
    return Check(name, good=True, found=used)


def _used(model: ChosenModel, outcome: "Outcome") -> str:
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
