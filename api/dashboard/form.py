"""What a person typed into a form, and what is wrong with it.

Forms are checked by the same pydantic classes as the API's bodies. A value that is no number goes
on as it was typed, so that the class says what the field must be.

A form that changes a record sends all its fields, also those that nobody touched. So it carries a
mark of what it showed, and is refused where another person changed that meanwhile.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import Any, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError

from api.wording import invalid
from kyros_worker.errors import ConflictError, FieldError, KyrosError, MalformedRequestError

Model = TypeVar("Model", bound=BaseModel)

#: Where a form carries the mark of what it showed.
SHOWN = "shown"

_WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
_LOCAL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?", re.ASCII)


@dataclass
class Form:
    """What stands in a form's fields, and beside each what is wrong with it."""

    typed: Mapping[str, str] = field(default_factory=dict)
    #: Of fields where several may be chosen.
    lists: Mapping[str, list[str]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    #: What is wrong with the whole.
    sentence: str | None = None

    def chosen(self, name: str) -> list[str]:
        """What is ticked of several."""
        return self.lists.get(name, [])

    def text(self, name: str) -> str | None:
        """What was typed, without spaces around it; None for nothing."""
        return self.typed.get(name, "").strip() or None

    def whole_number(self, name: str) -> int | str | None:
        """A whole number, or what was typed in its place."""
        text = self.text(name)
        return int(text) if text and _WHOLE.fullmatch(text) else text

    def number(self, name: str) -> Decimal | str | None:
        """A number, exact, or what was typed in its place."""
        text = self.text(name)
        return Decimal(text) if text and _NUMBER.fullmatch(text) else text

    def time(self, name: str) -> str | None:
        """A time in UTC as browsers send it, in the API's form; or what was typed in its place."""
        text = self.text(name)
        if not text or not (match := _LOCAL_TIME.fullmatch(text)):
            return text
        return f"{text}Z" if match[1] else f"{text}:00Z"

    @property
    def shown(self) -> str:
        """The mark of the record as the form showed it; it stays when the form is corrected."""
        if SHOWN in self.typed:
            return self.typed[SHOWN]
        fields = [dict(self.typed), {name: sorted(values) for name, values in self.lists.items()}]
        return sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    def refuse_changed(self, stored: "Form") -> None:
        """Raises ConflictError unless what is stored is what this form showed.

        `stored` is the form of the record as it is now, read under its lock.
        """
        if self.typed.get(SHOWN) != stored.shown:
            raise ConflictError(
                "This was changed meanwhile, so nothing of yours was: load the page anew, look at "
                "what is there now, and change it again.",
                code="changed_meanwhile",
            )

    def check(self, model: type[Model], values: Mapping[str, Any]) -> Model:
        """The values as that class has them, None for absent ones.

        Raises InvalidError with every wrong field.
        """
        given = {name: value for name, value in values.items() if value is not None}
        try:
            return model.model_validate(given)
        except ValidationError as error:
            raise invalid(error) from None

    def tell(self, error: KyrosError) -> None:
        """Puts what is wrong beside the fields that are; the rest above the form."""
        self.errors = {_top(one): _capital(one.message) for one in reversed(error.details)}
        self.errors |= {
            name: "Choose one or more."
            for name, chosen in self.lists.items()
            if name in self.errors and not chosen
        }
        shown = self.errors.keys() & {*self.typed, *self.lists}
        self.sentence = "Something is not right yet: see below." if shown else error.message


def read_form(*lists: str) -> Form:
    """The form that was sent; `lists` names the fields that may come more than once.

    Raises MalformedRequestError for any other field that does.
    """
    for name, values in request.form.lists():
        if name not in lists and len(values) > 1:
            raise MalformedRequestError(f"The form has {name[:100]!r} more than once.")
    typed = {name: value for name, value in request.form.items() if name not in lists}
    return Form(typed, {name: request.form.getlist(name) for name in lists})


def _top(error: FieldError) -> str:
    """The field of the form: `permissions` for `permissions[0]`."""
    return re.split(r"[.\[]", error.field, maxsplit=1)[0]


def _capital(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}."
