"""The form of an API key, and what is kept of it.

A generated key is `kyros_live_` or `kyros_test_`, then 32 random base62 characters, then 6 that
are a checksum, so that a secret scanner can tell a key from a look-alike without asking anyone:

    checksum = base62(crc32(everything before it, as ASCII)), padded on the left with "0" to 6
    base62 digits: 0-9, A-Z, a-z, the most significant first

A key that the deployment was given (`KYROS_BOOTSTRAP_API_KEY`) has the prefix alone, so nothing
here may decide whether a key is known: only its hash in the database does.
"""

import secrets
from hashlib import sha256
from typing import Literal, get_args
from zlib import crc32

from kyros_worker.auth.subject import Mode

#: Requests a minute.
MAX_RATE_LIMIT = 1_000_000
MAX_DAY_BUDGET_USD = 1_000_000
#: How long the secret before stays good after a rotation.
DEFAULT_OVERLAP_SECONDS = 24 * 3600
MAX_OVERLAP_SECONDS = 30 * 24 * 3600

#: What a key may have, and may have no more.
Removable = Literal["expires_at", "rate_limit", "day_budget_usd"]
REMOVABLE: tuple[Removable, ...] = get_args(Removable)

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_LENGTH = 32
_CHECKSUM_LENGTH = 6
_SHOWN_LENGTH = 4


def make(mode: Mode) -> str:
    """A new key; 190 random bits."""
    random_part = "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM_LENGTH))
    start = f"kyros_{mode}_{random_part}"
    return start + _checksum(start)


def mode_of(key: str) -> Mode | None:
    """The mode that the key's prefix says; None for what is no key."""
    if key.startswith("kyros_test_"):
        return "test"
    return "live" if key.startswith("kyros_live_") else None


def shown(key: str) -> str:
    """As much of a key as people may see to tell it from others: the prefix and four characters."""
    return key[: len("kyros_live_") + _SHOWN_LENGTH]


def digest(key: str) -> str:
    """What is stored in the key's place. No salt: the key itself is random and long."""
    return sha256(key.encode()).hexdigest()


def _checksum(start: str) -> str:
    number, digits = crc32(start.encode()), ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits.rjust(_CHECKSUM_LENGTH, _DIGITS[0])
