"""Passwords: which are good enough, and what is kept of them.

Kept is an Argon2id hash with RFC 9106's second recommended choice (section 4: 3 passes, 64 MiB, 4
lanes). What a good password is follows NIST SP 800-63B (section 3.1.1.2): length, and nothing that
is known of the person; no rules about kinds of characters. Texts are compared in Unicode's NFKC.

Hashing and comparing take a third of a second, so both are done before a transaction begins: what
is given a transaction takes a `PasswordHash`, never a password.
"""

import secrets
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import NewType

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from kyros_worker.errors import FieldError, InvalidError, UnavailableError

#: What is stored of a password.
PasswordHash = NewType("PasswordHash", str)

#: In characters (code points), as NIST counts.
SHORTEST = 12
#: In bytes of UTF-8: what is hashed.
LONGEST = 1024

_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
#: Each takes 64 MiB while it is made.
_AT_ONCE = threading.BoundedSemaphore(4)
#: For those and for who waits: each keeps a thread, which a burst must not take all of.
_PLACES = threading.BoundedSemaphore(4 + 16)
_PATIENCE_SECONDS = 10


def make_password() -> str:
    """A new one of 120 random bits, for whoever chooses none."""
    return secrets.token_urlsafe(15)


def hash_password(password: str) -> PasswordHash:
    """What is stored of a password; raises UnavailableError when too many are hashed already."""
    with _turn():
        return PasswordHash(_HASHER.hash(_bytes(password)))


def hash_chosen(password: str, *, email: str, name: str) -> PasswordHash:
    """What is stored of a password that somebody chose for that person.

    Raises InvalidError, with the field `password`, unless it is good enough, and UnavailableError.
    """
    check_password(password, email=email, name=name)
    return hash_password(password)


def is_password(password: str, stored: str | None) -> bool:
    """Whether it is the password of a stored hash.

    Without one the answer is no, after the same work: how long it takes tells nobody whether an
    address is known. Raises UnavailableError when too many are hashed already.
    """
    with _turn():
        hashed = _of_nobody() if stored is None else stored
        try:
            return _HASHER.verify(hashed, _bytes(password)) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def must_hash_again(stored: str) -> bool:
    """Whether a hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


def check_password(password: str, *, email: str, name: str) -> None:
    """Raises InvalidError, with the field `password`, unless it is good enough for that person."""
    if len(unicodedata.normalize("NFKC", password)) < SHORTEST:
        _refuse(f"must be {SHORTEST} characters or longer")
    if len(_bytes(password)) > LONGEST:
        _refuse(f"must be {LONGEST} bytes or shorter")
    if len(set(password)) == 1:
        _refuse("must not be one character again and again")
    known = (email, email.partition("@")[0], name)
    if _plain(password) in {_plain(text) for text in known}:
        _refuse("must not be the e-mail address or the name")


def _refuse(reason: str) -> None:
    raise InvalidError(f"The password {reason}.", details=[FieldError("password", reason)])


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()


def _bytes(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")


@contextmanager
def _turn() -> Iterator[None]:
    with _held(_PLACES, 0), _held(_AT_ONCE, _PATIENCE_SECONDS):
        yield


@contextmanager
def _held(semaphore: threading.Semaphore, patience_seconds: float) -> Iterator[None]:
    if not semaphore.acquire(timeout=patience_seconds):
        raise UnavailableError(
            "Too many people sign in at once. Try again in a moment.", headers={"Retry-After": "5"}
        )
    try:
        yield
    finally:
        semaphore.release()


@lru_cache(maxsize=1)
def _of_nobody() -> str:
    return _HASHER.hash(b"nobody's")
