"""What counts as the address of a server, in a setting (pure)."""

from urllib.parse import urlsplit


def refuse_no_address(value: str, example: str) -> None:
    """Raises ValueError for what is no http or https address with a host, or holds more than that.

    A path may follow; a user, a password, a query or a fragment may not.
    """
    try:
        parts = urlsplit(value)
        good = value.startswith(("http://", "https://")) and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or not value.isprintable() or " " in value:
        raise ValueError(f"must be an address like {example}")
    if parts.username is not None or any(mark in value for mark in "?#"):
        raise ValueError("must hold neither a user and password nor anything after ? or #")
