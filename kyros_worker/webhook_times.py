"""How patient deliveries are: the `[webhooks]` of the configuration's file."""

from typing import Annotated

from pydantic import Field

from kyros_worker.toml_table import TomlTable

_Seconds = Annotated[float, Field(gt=0, le=30 * 86_400, allow_inf_nan=False)]


class WebhookTimes(TomlTable):
    """All in seconds; the defaults are the contract's ("Webhooks")."""

    #: The pauses between tries; the last is repeated.
    retry_seconds: Annotated[tuple[_Seconds, ...], Field(min_length=1, max_length=50)] = (
        5, 30, 120, 600, 1800, 7200, 18_000, 36_000, 43_200,
    )  # fmt: skip
    #: How long a delivery is tried before it is exhausted.
    give_up_seconds: _Seconds = 5 * 86_400
    #: How long an attempt may take.
    timeout_seconds: Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)] = 15
    #: How long a delivery waits for an earlier one of its task.
    order_seconds: _Seconds = 600
