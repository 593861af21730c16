"""How often somebody may ask: the `[rate_limits]` of the configuration's file."""

from typing import Annotated

from pydantic import Field

from kyros_worker.toml_table import TomlTable

_Most = Annotated[int, Field(ge=0, le=1_000_000_000)]


class RateLimits(TomlTable):
    """The limits; 0 is none."""

    #: Requests of one credential, where its key has no limit of its own.
    requests_per_minute: _Most = 6000
    #: Failed sign-ins from one address, in so many minutes.
    failed_sign_ins: _Most = 20
    failed_sign_in_minutes: Annotated[int, Field(ge=1, le=1440)] = 15
