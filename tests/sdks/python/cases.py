"""Plays the shared cases (tests/vectors/README.md) through one of the two clients."""

import asyncio
import json
import math
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from kyros import AsyncKyrosClient, KyrosClient, errors
from kyros.models import AgentContext, Task
from kyros.models.model import Model
from tests.sdks.python.scripted_server import KEY

FOLDER = Path(__file__).parents[3] / "tests/vectors/sdk"
CASES = {
    f"{file.stem}: {case['name']}": case
    for file in sorted(FOLDER.glob("*.json"))
    for case in json.loads(file.read_text())
}
CLASSES = {
    "argument": ValueError,
    "validation": errors.ValidationError,
    "authentication": errors.AuthenticationError,
    "permission_denied": errors.PermissionDeniedError,
    "not_found": errors.NotFoundError,
    "conflict": errors.ConflictError,
    "rate_limit": errors.RateLimitError,
    "server": errors.ServerError,
    "connection": errors.APIConnectionError,
    "timeout": errors.APITimeoutError,
}


#: Arguments that are given as typed objects or as dictionaries.
OBJECTS = {"task", "tasks", "context"}


def filled(value: Any, names: dict[str, str]) -> Any:
    """The case with its addresses."""
    if isinstance(value, str):
        for name, address in names.items():
            value = value.replace("{" + name + "}", address)
        return value
    if isinstance(value, dict):
        return {key: filled(item, names) for key, item in value.items()}
    return [filled(item, names) for item in value] if isinstance(value, list) else value


def options(case: dict[str, Any], server: str) -> dict[str, Any]:
    """The client's arguments."""
    client = {"api_key": KEY, "base_url": server, **case.get("client", {})}
    client.pop("environment", None)
    return client


def arguments(call: dict[str, Any], *, typed: bool) -> dict[str, Any]:
    """The call's arguments, tasks and contexts as objects or as dictionaries."""
    given = dict(call["arguments"])
    if typed and "task" in given:
        given["task"] = Task(**given["task"])
    if typed and "tasks" in given:
        given["tasks"] = [Task(**task) for task in given["tasks"]]
    if typed and "context" in given:
        given["context"] = AgentContext(**given["context"])
    return given


class Played:
    """What came of a call: `value`, or `items`, and the error that ended it."""

    def __init__(self, call: dict[str, Any]) -> None:
        self.call = call
        self.value: Any = None
        self.items: list[Any] = []
        self.error: Exception | None = None
        self.progress: list[float] = []

    def heard(self, task: Task) -> None:
        self.progress.append(task.progress.percentage)

    def given(self, *, typed: bool) -> dict[str, Any]:
        given = arguments(self.call, typed=typed)
        return given | {"on_progress": self.heard} if self.call.get("on_progress") else given


def play_blocking(
    case: dict[str, Any], server: str, *, typed: bool
) -> tuple[list[Played], list[float]]:
    """Plays the case through the client that blocks; gives what came, and the pauses in ms."""
    played = [Played(call) for call in case["calls"]]
    pauses: list[float] = []
    try:
        client = KyrosClient(**options(case, server))
    except ValueError as error:
        played[0].error = error
        return played, pauses
    client._api.transport.pause = _noting(pauses)
    with client:
        for one in played:
            resource, _, name = one.call["method"].partition(".")
            try:
                found = getattr(getattr(client, resource), name)(**one.given(typed=typed))
                if "pages" in one.call["outcome"]:
                    one.items.extend(found.pages())
                elif "items" in one.call["outcome"]:
                    # Not extend(): what came before an error counts.
                    for item in islice(found, one.call.get("take")):
                        one.items.append(item)
                else:
                    one.value = found
            except (errors.KyrosError, ValueError) as error:
                one.error = error
    return played, pauses


def play_async(
    case: dict[str, Any], server: str, *, typed: bool
) -> tuple[list[Played], list[float]]:
    """The same through the client for event loops."""
    return asyncio.run(_played_async(case, server, typed=typed))


async def _played_async(
    case: dict[str, Any], server: str, *, typed: bool
) -> tuple[list[Played], list[float]]:
    played = [Played(call) for call in case["calls"]]
    pauses: list[float] = []
    try:
        client = AsyncKyrosClient(**options(case, server))
    except ValueError as error:
        played[0].error = error
        return played, pauses
    client._api.transport.pause = _noting(pauses)
    async with client:
        for one in played:
            resource, _, name = one.call["method"].partition(".")
            try:
                found = getattr(getattr(client, resource), name)(**one.given(typed=typed))
                if "pages" in one.call["outcome"]:
                    async for page in found.pages():
                        one.items.append(page)
                elif "items" in one.call["outcome"]:
                    async for item in found:
                        one.items.append(item)
                        if len(one.items) == one.call.get("take"):
                            break
                else:
                    one.value = await found
            except (errors.KyrosError, ValueError) as error:
                one.error = error
    return played, pauses


def _noting(pauses: list[float]) -> Any:
    async def pause(seconds: float) -> None:
        pauses.append(seconds * 1000)

    return pause


def compare(one: Played) -> None:
    """Fails where a call did not come out as its case says."""
    outcome = one.call["outcome"]
    if "error" in outcome:
        compare_error(one.error, outcome["error"])
    elif one.error is not None:
        raise one.error
    if "returns" in outcome:
        compare_value(one.value, outcome["returns"])
    if "list" in outcome:
        assert isinstance(one.value, list)
        compare_all(one.value, outcome["list"])
    if "items" in outcome:
        compare_all(one.items, outcome["items"])
    if "pages" in outcome:
        assert [
            {
                "ids": [i.id for i in page],
                "next_cursor": page.next_cursor,
                "has_more": page.has_more,
            }
            for page in one.items
        ] == outcome["pages"]
    assert one.progress == outcome.get("progress", [])


def compare_all(values: list[Any], expected: list[dict[str, Any]]) -> None:
    assert len(values) == len(expected)
    for value, each in zip(values, expected, strict=True):
        compare_value(value, each)


def compare_value(value: Any, expected: dict[str, Any]) -> None:
    for path, wanted in expected.items():
        found = read(value, path)
        if isinstance(wanted, dict) and list(wanted) == ["decimal"]:
            assert isinstance(found, Decimal), path
            assert found == Decimal(wanted["decimal"]), path
        elif isinstance(wanted, dict) and list(wanted) == ["integer"]:
            # Decimal reads more digits than int does.
            assert found == Decimal(wanted["integer"]), path
        else:
            assert plain(found) == wanted, path
            assert isinstance(found, bool) == isinstance(wanted, bool), path


def read(value: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(value, Model):
            found = getattr(value, part)
            if part in value:
                assert value[part] == found
            value = found
        else:
            value = value[int(part) if isinstance(value, list) else part]
    return value


def plain(value: Any) -> Any:
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def compare_error(error: Exception | None, expected: dict[str, Any]) -> None:
    assert type(error) is CLASSES[expected["class"]], error
    for name in ("status", "code", "request_id", "retry_after"):
        if name in expected:
            assert getattr(error, name) == expected[name], name
    if "reason" in expected:
        assert error.message == expected["reason"]
    if "fields" in expected:
        assert [wrong._asdict() for wrong in error.fields] == expected["fields"]
    for words in expected.get("message_contains", []):
        assert words in str(error)
    for words in expected.get("message_lacks", []):
        assert words not in str(error)


def compare_pauses(pauses: list[float], expected: list[list[float]]) -> None:
    assert len(pauses) == len(expected), pauses
    for pause, (least, most) in zip(pauses, expected, strict=True):
        # What is left of a second is measured; a float is not exact.
        assert math.floor(pause) <= most, pauses
        assert math.ceil(pause) >= least, pauses
