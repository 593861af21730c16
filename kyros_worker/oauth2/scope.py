"""OAuth2's `scope`: permissions separated by spaces (pure)."""

from collections.abc import Iterable, Sequence

from kyros_worker.auth.subject import PERMISSIONS, Permission

#: What a request without `scope` asks for (contract, "Who may do what").
DEFAULT: tuple[Permission, ...] = ("tasks:read", "tasks:write", "agents:submit", "monitoring:read")


def asked(scope: str | None, most: Sequence[str]) -> list[Permission] | None:
    """The permissions that a request asks for; None when its scope is invalid.

    It is when it names what is no permission or is more than `most`, the application's own.
    Without a scope it is the default, as far as the application may have it.
    """
    if scope is None:
        return limited(DEFAULT, most) or None
    names = set(scope.split(" "))
    wanted = [known for known in PERMISSIONS if known in names]
    unknown = len(wanted) != len(names)
    return None if unknown or limited(wanted, most) != wanted else wanted


def limited(permissions: Iterable[str], *limits: Iterable[str]) -> list[Permission]:
    """What of these permissions lies within every limit; `admin` stands for all of them."""
    kept = set(permissions)
    everything: set[str] = set(PERMISSIONS)
    for limit in map(set, limits):
        if "admin" not in limit:
            kept = (everything if "admin" in kept else kept) & limit
    return [known for known in PERMISSIONS if known in kept]
