"""How long a credential takes to be looked at, right or wrong, over HTTP on one connection.

Asked for is what only an admin may see, with credentials that may not: so a right one is refused,
too (403), and no view's own work is in it. Requests are not counted in Redis, which happens to
right ones alone. Which is which can't be told from the time where it isn't told by the answer: a
revoked key from one that never was, a wrong signature from an ended token, an unknown address from
a wrong password.
"""

import http.client
import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import jwt

from bench.rounds import Figure, Values, beside, rounds
from bench.stack import Stack, running
from kyros_worker.auth import api_key
from kyros_worker.user.password import hash_password

EACH = 40
SIGN_INS = 3
_SECRET = secrets.token_urlsafe(32)
_FORBIDDEN, _UNKNOWN = 403, 401
#: Of a key that was used then, no use is recorded now.
_LONG_AFTER = datetime.now(UTC) + timedelta(days=1)
_NO_LIMITS = "[rate_limits]\nrequests_per_minute = 0\nfailed_sign_ins = 0\n"

#: A header's value, or a form's fields, and the status that it must get.
Way = Callable[[], tuple[str, int]]


def measure(folder: Path) -> list[Figure]:
    """Medians of rounds, in milliseconds, each beside what it must not be told from."""
    config = folder / "kyros.toml"
    config.write_text(_NO_LIMITS)
    config.chmod(0o644)
    with running(folder, KYROS_CONFIG=str(config), KYROS_JWT_SECRET=_SECRET) as stack:
        count = rounds(20)
        values = _measured(_keys(stack, count) | _tokens(), count, EACH, stack, _by_header)
        values |= _measured(_people(stack, count), count, SIGN_INS, stack, _by_form)
    unknown, wrong = values["unknown key"], values["JWT, wrong signature"]
    first = values["right key, first seen"]
    return [
        *(beside(name, "ms", values[name], "unknown key", unknown) for name in (
            "right key, first seen", "right key, first seen and its use recorded", "revoked key",
        )),
        beside("right key, remembered", "ms", values["right key, remembered"], "first seen", first),
        beside("malformed key", "ms", values["malformed key"], "unknown key", unknown),
        *(beside(name, "ms", values[name], "wrong signature", wrong) for name in (
            "JWT, right", "JWT, ended",
        )),
        beside("sign-in, unknown address", "ms", values["unknown address"], "wrong password",
               values["wrong password"]),
        beside("sign-in, disabled user", "ms", values["disabled user"], "wrong password",
               values["wrong password"]),
    ]  # fmt: skip


def _measured(
    ways: dict[str, Way], count: int, each: int, stack: Stack, ask: Callable[..., int]
) -> Values:
    """The median of each way in each round; within a round they are asked in turn, shuffled."""
    values: Values = {name: [] for name in ways}
    names, chance = list(ways), random.Random(7)  # nosec B311  # noqa: S311 - the order alone
    with closing(http.client.HTTPConnection("127.0.0.1", stack.port, timeout=60)) as connection:
        for _ in range(count + 1):
            taken: Values = {name: [] for name in ways}
            for _ in range(each):
                chance.shuffle(names)
                for name in names:
                    credential, expected = ways[name]()
                    began = time.perf_counter()
                    status = ask(connection, credential)
                    taken[name].append((time.perf_counter() - began) * 1000)
                    if status != expected:
                        raise RuntimeError(f"{name}: {status}")
            for name, times in taken.items():
                values[name].append(median(times))
    # The first round warms up.
    return {name: found[1:] for name, found in values.items()}


def _by_header(connection: http.client.HTTPConnection, token: str) -> int:
    connection.request("GET", "/v1/api-keys", headers={"Authorization": f"Bearer {token}"})
    return _status(connection)


def _by_form(connection: http.client.HTTPConnection, form: str) -> int:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/sign-in", form, kind)
    return _status(connection)


def _status(connection: http.client.HTTPConnection) -> int:
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _keys(stack: Stack, count: int) -> dict[str, Way]:
    most = (count + 1) * EACH
    fresh = _stored_keys(stack, most, "fresh")
    unused = _stored_keys(stack, most, "unused", last_used_at=None)
    revoked = _stored_keys(stack, most, "revoked", revoked_at=datetime.now(UTC))
    known = next(_stored_keys(stack, 1, "known"))
    return {
        "right key, first seen": lambda: (next(fresh), _FORBIDDEN),
        "right key, first seen and its use recorded": lambda: (next(unused), _FORBIDDEN),
        "right key, remembered": lambda: (known, _FORBIDDEN),
        "revoked key": lambda: (next(revoked), _UNKNOWN),
        "unknown key": lambda: (api_key.make("test"), _UNKNOWN),
        "malformed key": lambda: (secrets.token_urlsafe(36), _UNKNOWN),
    }


def _stored_keys(
    stack: Stack,
    count: int,
    name: str,
    *,
    last_used_at: datetime | None = _LONG_AFTER,
    revoked_at: datetime | None = None,
) -> Iterator[str]:
    """New keys that may read tasks, whose use need not be recorded."""
    keys = [api_key.make("test") for _ in range(count)]
    stack.query(
        "INSERT INTO api_keys (id, name, hash, prefix, mode, permissions, created_by, created_at,"
        " last_used_at, revoked_at) SELECT 'key_' || %s || n, 'bench', hash, 'kyros_test_', 'test',"
        " '[\"tasks:read\"]', 'bench', now(), %s::timestamptz, %s::timestamptz"
        " FROM unnest(%s) WITH ORDINALITY AS given (hash, n)",
        name,
        last_used_at,
        revoked_at,
        [api_key.digest(key) for key in keys],
    )
    return iter(keys)


def _tokens() -> dict[str, Way]:
    return {
        "JWT, right": lambda: (_signed(_SECRET, 600), _FORBIDDEN),
        "JWT, wrong signature": lambda: (_signed("x" * len(_SECRET), 600), _UNKNOWN),
        "JWT, ended": lambda: (_signed(_SECRET, -600), _UNKNOWN),
    }


def _signed(secret: str, seconds: int) -> str:
    exp = int(time.time()) + seconds
    claims = {"user_id": secrets.token_hex(8), "roles": ["viewer"], "exp": exp}
    return jwt.encode(claims, secret, algorithm="HS256")


def _people(stack: Stack, count: int) -> dict[str, Way]:
    """Each address is asked once, so that none has to wait."""
    most = (count + 1) * SIGN_INS
    stored = hash_password("four plain words here")
    for state, disabled_at in (("wrong", None), ("disabled", datetime.now(UTC))):
        stack.query(
            "INSERT INTO users (id, email, name, role, password_hash, created_by, created_at,"
            " password_changed_at, disabled_at)"
            " SELECT 'usr_' || %s || n, %s || n || '@example.com',"
            " 'bench', 'viewer', %s, 'bench', now(), now(), %s::timestamptz"
            " FROM generate_series(1, %s) AS n",
            state, state, stored, disabled_at, most,
        )  # fmt: skip
    numbers = {state: iter(range(1, most + 1)) for state in ("unknown", "wrong", "disabled")}

    def form(state: str, password: str) -> tuple[str, int]:
        email = f"{state}{next(numbers[state])}@example.com"
        return urlencode({"email": email, "password": password}), _UNKNOWN

    return {
        "unknown address": lambda: form("unknown", "four plain words here"),
        "wrong password": lambda: form("wrong", "four other words here"),
        "disabled user": lambda: form("disabled", "four plain words here"),
    }
