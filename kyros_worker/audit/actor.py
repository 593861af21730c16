"""Who acts, and from where."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """Who acts, and from where."""

    #: `key_…`, `usr_…`, a JWT's user, `oac_…`, `command line` or `system`; None when unknown.
    id: str | None
    #: The caller's network address.
    address: str | None = None
    request_id: str | None = None
    #: The application through which a person acts.
    via: str | None = None


#: Whoever can run `kyros` beside the database.
COMMAND_LINE = Actor("command line")
#: The deployment itself.
SYSTEM = Actor("system")
