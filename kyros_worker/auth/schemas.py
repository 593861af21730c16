"""What a client may send about API keys (contract, "Who may do what"), validated strictly."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from kyros_worker.auth.api_key import (
    DEFAULT_OVERLAP_SECONDS,
    MAX_DAY_BUDGET_USD,
    MAX_OVERLAP_SECONDS,
    MAX_RATE_LIMIT,
    REMOVABLE,
    Removable,
)
from kyros_worker.auth.subject import PERMISSIONS, Mode, Permission
from kyros_worker.display_name import MAX_NAME_LENGTH, name_fault
from kyros_worker.schemas import WHOLE, Body, NoBody, Time


def _exact(value: Any) -> Decimal:
    """A JSON number as the decimal that was written."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic takes a ValueError
    return value if isinstance(value, Decimal) else Decimal(repr(value))


def _each_once(values: list[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _named(name: str) -> str:
    if fault := name_fault(name):
        raise ValueError(fault)
    return name


Name = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_NAME_LENGTH), AfterValidator(_named)
]
Permissions = Annotated[list[Permission], Field(min_length=1, max_length=len(PERMISSIONS))]
RateLimit = Annotated[int, Field(ge=1, le=MAX_RATE_LIMIT), WHOLE]
DayBudget = Annotated[
    Decimal,
    Field(ge=0, le=MAX_DAY_BUDGET_USD),
    BeforeValidator(_exact),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": MAX_DAY_BUDGET_USD}),
]

_RATE_LIMIT = "Requests a minute; absent: the deployment's own limit."
_DAY_BUDGET = "USD that its tasks may cost on a day (UTC), a hard limit; absent: the deployment's."


class NewApiKey(Body):
    """A key to be made."""

    name: Name = Field(description="What people know it by: printable, without a space around it.")
    permissions: Permissions
    mode: Mode | None = Field(None, description="Default: the mode of the caller.")
    expires_at: Time | None = Field(None, description="Default: never.")
    rate_limit: RateLimit | None = Field(None, description=_RATE_LIMIT)
    day_budget_usd: DayBudget | None = Field(None, description=_DAY_BUDGET)


class ChangedApiKey(Body):
    """What is to change of a key; what is absent stays, and what `remove` names is taken away."""

    name: Name | None = None
    permissions: Permissions | None = None
    expires_at: Time | None = None
    rate_limit: RateLimit | None = None
    day_budget_usd: DayBudget | None = None
    remove: Annotated[
        list[Removable], Field(max_length=len(REMOVABLE)), AfterValidator(_each_once)
    ] = Field(
        [],
        description="What the key is to have no more: without its expiry it is good for ever, "
        "without a limit or budget the deployment's own counts.",
    )

    @field_validator("remove")
    @classmethod
    def _not_given_too(cls, names: list[str], info: ValidationInfo) -> list[str]:
        for name in names:
            if info.data.get(name) is not None:
                raise ValueError(f"names {name}, which is given a value too")
        return names


class Rotation(NoBody):
    """How a key's secret is replaced."""

    overlap_seconds: Annotated[int, Field(ge=0, le=MAX_OVERLAP_SECONDS), WHOLE] = Field(
        DEFAULT_OVERLAP_SECONDS,
        description="So long the secret before stays good; with 0 it ends at once.",
    )
