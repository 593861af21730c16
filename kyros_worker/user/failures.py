"""Wrong passwords in a row for an e-mail address from a network, and the wait after them.

It is the same whether somebody has the address. Each network waits for itself: whoever guesses
from elsewhere keeps nobody out.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from kyros_worker.clock import now
from kyros_worker.database import Connection, transaction
from kyros_worker.errors import TooManyRequestsError, UnavailableError
from kyros_worker.user.back_off import FREE_TRIES, wait
from kyros_worker.user.tables import SignInFailures

_FORGOTTEN_AFTER = timedelta(days=1)
#: Of an IPv6 address: what one household has.
_HOUSEHOLD_BITS = 64


def network_of(address: str | None) -> str:
    """By what tries are told apart: the address; of an IPv6 address its /64 (pure)."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return address or ""
    if isinstance(found, IPv6Address):
        return str(ip_network((int(found), _HOUSEHOLD_BITS), strict=False))
    return str(found)


def count_try(email: str, address: str | None) -> None:
    """Counts a wrong password in advance, so that many at once can't get round the wait.

    The e-mail address is in its normal form; the other is where the try comes from. A right
    password is followed by `forget_failures`. Raises TooManyRequestsError with `Retry-After` while
    they wait; that try neither counts nor makes the wait longer.
    """
    at, key = now(), {"email_hash": _digest(email), "network": network_of(address)}
    fresh = insert(SignInFailures).values(**key, count=0, last_at=at)
    # Changes nothing where the row is there, but locks it.
    locked = fresh.on_conflict_do_update(index_elements=list(key), set_=key).returning(
        SignInFailures.count, SignInFailures.last_at
    )
    with transaction() as connection:
        wrong, last_at = connection.execute(locked).one()
        left = wait(wrong, last_at, at)
        if not left:
            counted = update(SignInFailures).filter_by(**key)
            connection.execute(counted.values(count=wrong + 1, last_at=at))
    if left:
        seconds = str(math.ceil(left.total_seconds()))
        raise TooManyRequestsError(
            f"Too many wrong passwords for this address. Try again in {seconds} s.",
            headers={
                "Retry-After": seconds,
                "RateLimit-Limit": str(FREE_TRIES),
                "RateLimit-Remaining": "0",
                "RateLimit-Reset": seconds,
            },
        )


@contextmanager
def counted_try(email: str, address: str | None) -> Iterator[None]:
    """Counts a try as `count_try` does while its password is compared.

    One that nobody could look at, for there are too many (UnavailableError), is taken back.
    """
    count_try(email, address)
    try:
        yield
    except UnavailableError:
        key = {"email_hash": _digest(email), "network": network_of(address)}
        taken_back = update(SignInFailures).filter_by(**key).where(SignInFailures.count > 0)
        with transaction() as connection:
            connection.execute(taken_back.values(count=SignInFailures.count - 1))
        raise


def forget_failures(connection: Connection, email: str, address: str | None) -> None:
    """Lets the e-mail address, in its normal form, try again at once from that network."""
    statement = delete(SignInFailures).where(SignInFailures.email_hash == _digest(email))
    connection.execute(statement.where(SignInFailures.network == network_of(address)))


def forget_all_failures(connection: Connection, email: str) -> None:
    """Lets the e-mail address, in its normal form, try again at once from everywhere."""
    connection.execute(delete(SignInFailures).where(SignInFailures.email_hash == _digest(email)))


def forget_old_failures(connection: Connection, limit: int) -> int:
    """Deletes the counts that nothing was added to for a day, at most that many; how many."""
    old = (
        select(SignInFailures.email_hash, SignInFailures.network)
        .where(SignInFailures.last_at < now() - _FORGOTTEN_AFTER)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("old")
    )
    found = (SignInFailures.email_hash == old.c.email_hash, SignInFailures.network == old.c.network)
    return connection.execute(delete(SignInFailures).where(*found)).rowcount


def _digest(email: str) -> str:
    return sha256(email.encode(errors="surrogatepass")).hexdigest()
