"""Taking secrets out of what a provider says: an error may well echo the key that it refuses."""

import re
from collections.abc import Iterable
from functools import lru_cache

from pydantic import SecretStr

from kyros_worker.settings import current

_HIDDEN = "[key]"
#: A shorter key is a placeholder ("none") that hides nothing.
_SHORTEST_KEY = 8
#: Providers echo a key cut or masked; what follows its beginning goes with it.
_BEGINNING = 8
_LOOKS_LIKE_A_KEY = re.compile(
    r"\b(?:(?:sk|pk|rk|xai)-|(?:sk|pk|rk|gsk|r8|hf)_|AIza)[A-Za-z0-9*._-]{15,}"
    r"|(?i:\bbearer +)[^\s\"']{8,}"
)


def redacted(text: str) -> str:
    """The text without the configured keys and without what looks like a key."""
    for pattern in _patterns(tuple(key.get_secret_value() for key in _keys())):
        text = pattern.sub(_HIDDEN, text)
    return text


def _keys() -> Iterable[SecretStr]:
    return current().provider_keys.values()


@lru_cache(maxsize=4)
def _patterns(keys: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    known = [
        re.compile(re.escape(key[:_BEGINNING]) + r"[^\s\"'<>,;]*")
        for key in keys
        if len(key) >= _SHORTEST_KEY
    ]
    return (*known, _LOOKS_LIKE_A_KEY)
