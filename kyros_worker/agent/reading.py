"""How a model's text becomes an answer: read, validated, and checked against its brief."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from kyros_worker.agent import unified_diff
from kyros_worker.agent.answers import ANSWERS, Answer, Change, Verdict
from kyros_worker.agent.brief import Brief
from kyros_worker.model.storable import shortened, storable

_MESSAGE_LENGTH = 2_000
_MOST_FAULTS = 10


class InvalidAnswerError(Exception):
    """The text is not the answer that its role gives; the sentence says why, for the model."""


def read(text: str, brief: Brief) -> Answer:
    """The answer in a model's text, which may stand in a ```json fence.

    Raises InvalidAnswerError.
    """
    value = _object(text)
    try:
        answer = ANSWERS[brief.role].model_validate(value)
    except ValidationError as error:
        raise InvalidAnswerError(_sentence(list(_places(error)))) from None
    wrong = faults(answer, brief)
    if wrong:
        raise InvalidAnswerError(_sentence(wrong))
    return answer


def faults(answer: Answer, brief: Brief) -> list[str]:
    """What is wrong with an answer of the right form, given what its role was shown."""
    wrong = list(_criteria_left_out(answer, brief))
    if not isinstance(answer, Verdict):
        wrong.extend(_wrong_changes(answer.changes, brief.files))
    return wrong


def _object(text: str) -> Any:
    start = text.find("{")
    if start < 0:
        raise InvalidAnswerError("The answer holds no JSON object.")
    try:
        # No field is a whole number, and reading a long one costs the square of its digits.
        value, _ = json.JSONDecoder(parse_int=float).raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise InvalidAnswerError(
            f"The answer is not valid JSON: {error.msg} at line {error.lineno}, "
            f"column {error.colno}."
        ) from None
    except RecursionError:
        raise InvalidAnswerError("The answer is nested too deeply.") from None
    return _storable(value)


def _storable(value: Any) -> Any:
    """The value with every text made storable; recursion ends where the JSON reader's did."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(key): _storable(item) for key, item in value.items()}
    return value


def _places(error: ValidationError) -> Iterator[str]:
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        place = ".".join(str(part) for part in item["loc"])
        message = item["msg"].removeprefix("Value error, ")
        yield f"{shortened(place, 100)}: {message}" if place else message


def _sentence(wrong: list[str]) -> str:
    shown = wrong[:_MOST_FAULTS]
    if len(wrong) > len(shown):
        shown.append(f"and {len(wrong) - len(shown)} more")
    return shortened("; ".join(shown) + ".", _MESSAGE_LENGTH)


def _criteria_left_out(answer: Answer, brief: Brief) -> Iterator[str]:
    """As many as were given count as all, in their order; fewer are looked for by their text."""
    given = brief.acceptance_criteria
    if len(answer.criteria) >= len(given):
        return
    answered = {_plain(item.criterion) for item in answer.criteria}
    for number, criterion in enumerate(given, start=1):
        if _plain(criterion) not in answered:
            yield f"criteria: acceptance criterion {number} is not answered"


def _plain(text: str) -> str:
    return " ".join(storable(text).casefold().split())


def _wrong_changes(changes: list[Change], files: dict[str, str]) -> Iterator[str]:
    for path, times in Counter(change.path for change in changes).items():
        if times > 1:
            yield f"changes: {shortened(path, 100)} is changed {times} times; make it one change"
    for number, change in enumerate(changes):
        if change.diff is None:
            continue
        place = f"changes.{number}.diff"
        path = shortened(change.path, 100)
        if change.path not in files:
            yield (
                f"{place}: the text of {path} was not shown, so give its whole content, "
                "or list it in needs"
            )
        elif (fault := unified_diff.fault(change.diff, files[change.path])) is not None:
            yield f"{place}: the diff of {path} {fault}"
