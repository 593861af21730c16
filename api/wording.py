"""What pydantic found wrong, in plain words: a field's place and what it must be (pure)."""

import re

from pydantic import ValidationError

from kyros_worker.errors import FieldError, InvalidError

#: As many wrong fields as an answer lists; a body can hold a hundred thousand unknown ones.
MAX_LISTED = 1000
_MAX_NAME_LENGTH = 200

_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}
_REWRITINGS = (
    (re.compile(r"^Value error, "), ""),
    (re.compile(r"^(Input|String|List|Dictionary|Value|Number|Set|Tuple) should "), "must "),
    (re.compile(r" after validation, not \d+"), ""),
    (re.compile(r"^must match pattern"), "must match the pattern"),
)


def field_errors(error: ValidationError) -> list[FieldError]:
    """Every wrong field, `tasks[3].title`, with words that go on after its name."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[:MAX_LISTED]
    return [FieldError(_place(one["loc"]), _message(one["type"], one["msg"])) for one in found]


def sentence(first: FieldError, count: int) -> str:
    """One sentence for them all: the first, and how many more there are."""
    words = f"{first.field or 'The body'} {first.message}"
    return f"{words}." if count == 1 else f"{words} (and {count - 1} more)."


def invalid(error: ValidationError) -> InvalidError:
    """The answer to a body, a query string or a form, with every wrong field."""
    details = field_errors(error)
    return InvalidError(sentence(details[0], error.error_count()), details=details)


def _place(loc: tuple[int | str, ...]) -> str:
    place = ""
    for part in loc:
        if isinstance(part, int):
            place += f"[{part}]"
        else:
            name = part[:_MAX_NAME_LENGTH]
            place += f".{name}" if place else name
    return place


def _message(kind: str, message: str) -> str:
    if kind in _WORDS:
        return _WORDS[kind]
    for pattern, words in _REWRITINGS:
        message = pattern.sub(words, message)
    return message
