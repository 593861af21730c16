"""Client secrets, codes and tokens: 256 random bits, of which only the SHA-256 is kept."""

import secrets
from hashlib import sha256
from typing import Literal

Kind = Literal["client secret", "code", "access token", "refresh token"]
#: By which people and secret scanners tell them apart.
PREFIXES: dict[Kind, str] = {
    "client secret": "kyros_cs_",
    "code": "kyros_ac_",
    "access token": "kyros_at_",
    "refresh token": "kyros_rt_",
}


def make(kind: Kind) -> str:
    """A new secret of that kind."""
    return PREFIXES[kind] + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is stored in the secret's place. No salt: the secret itself is random and long."""
    return sha256(secret.encode()).hexdigest()
