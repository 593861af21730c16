"""JSON Web Tokens that people sign with the deployment's secret, with the guide's claims.

`user_id`, `roles`, `exp` and `iat`, signed with HS256 and nothing else (RFC 8725, section 3.1):
which key and which algorithm is never the token's to say, so `kid`, `jku`, `jwk` and `x5u` mean
nothing, and a token with `crit` is refused. `sub` and `aud` are neither asked for nor looked at.
"""

import math
import re
import warnings
from base64 import urlsafe_b64decode
from datetime import datetime
from typing import Any

import jwt
from jwt.warnings import InsecureKeyLengthWarning
from sqlalchemy import Row, select

from kyros_worker import strict_json
from kyros_worker.auth.subject import (
    INVALID_CREDENTIAL,
    PERMISSIONS_OF,
    Mode,
    Permission,
    Subject,
)
from kyros_worker.database import read
from kyros_worker.email_address import is_email, normalised
from kyros_worker.errors import KyrosError, UnauthenticatedError
from kyros_worker.ids import is_id
from kyros_worker.settings import current
from kyros_worker.user.tables import User

LONGEST = 8192
LONGEST_USER_ID = 128
LEEWAY_SECONDS = 60

_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+", re.ASCII)
_TIMES = ("exp", "iat", "nbf")
_OPTIONS: Any = {
    "require": ["exp"], "verify_aud": False, "verify_iss": False, "verify_sub": False,
    "verify_jti": False,
}  # fmt: skip
#: What no token may call itself, beside the ids of credentials.
_RESERVED = ("system", "command line")

# A short secret is refused at the start; in test mode it was told there, once.
warnings.filterwarnings("ignore", category=InsecureKeyLengthWarning)


def authenticate_jwt(token: str) -> Subject:
    """Who is calling with this token.

    A user of here is known by his own id, whichever way the token names him. Raises
    UnauthenticatedError, with the same sentence whatever is wrong with it.
    """
    claims = _claims(token)
    user = _user(claims["user_id"]) if claims is not None else None
    if claims is None or (user is not None and user.disabled_at is not None):
        raise UnauthenticatedError(INVALID_CREDENTIAL)
    roles: list[str] = claims.get("roles", [])
    permissions: set[Permission] = set()
    for role, of_role in PERMISSIONS_OF.items():
        if role in roles:
            permissions |= of_role
    mode: Mode = "test" if current().test_mode else "live"
    who: str = claims["user_id"] if user is None else user.id
    return Subject(who, mode, frozenset(permissions), kind="jwt")


def _claims(token: str) -> dict[str, Any] | None:
    """The claims of a token that is signed, has begun and has not ended; else None."""
    match = _FORM.fullmatch(token) if len(token) <= LONGEST else None
    header, claims = (_object(part) for part in match.groups()) if match else (None, None)
    if header is None or claims is None or "crit" in header or not _are_sane(claims):
        return None
    return claims if any(_is_signed(token, secret) for secret in current().jwt_secrets) else None


def _is_signed(token: str, secret: str) -> bool:
    """Whether the library lets it pass: signature, algorithm and times."""
    try:
        jwt.decode(token, secret, algorithms=["HS256"], leeway=LEEWAY_SECONDS, options=_OPTIONS)
    except jwt.PyJWTError:
        return False
    return True


def _object(part: str) -> dict[str, Any] | None:
    """The JSON object of a part; None for what strict parsing refuses, as a repeated key."""
    try:
        value = strict_json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, KyrosError):
        return None
    return value if isinstance(value, dict) else None


def _are_sane(claims: dict[str, Any]) -> bool:
    times = [claims[name] for name in _TIMES if name in claims]
    return _is_user_id(claims.get("user_id")) and _are_roles(claims) and all(map(_is_time, times))


def _is_user_id(value: object) -> bool:
    return (
        isinstance(value, str)
        and 1 <= len(value) <= LONGEST_USER_ID
        and value.isprintable()
        and value not in _RESERVED
        and not value.startswith(("key_", "oac_"))
    )


def _are_roles(claims: dict[str, Any]) -> bool:
    roles = claims.get("roles", [])
    return isinstance(roles, list) and all(isinstance(role, str) for role in roles)


def _is_time(value: object) -> bool:
    """A NumericDate (RFC 7519, section 2); the library would take texts for one, too."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _user(named: str) -> Row[str, datetime | None] | None:
    """The user here of that id or address, if there is one."""
    if is_id("usr", named):
        whose = User.id == named
    elif is_email(normalised(named)):
        whose = User.email == normalised(named)
    else:
        return None
    with read() as connection:
        return connection.execute(select(User.id, User.disabled_at).where(whose)).one_or_none()
