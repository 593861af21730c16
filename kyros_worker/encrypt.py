"""Secrets at rest: encrypted with the deployment's key, each bound to the row that it stands in."""

import os
from base64 import b64decode, b64encode
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kyros_worker.errors import ConfigurationError
from kyros_worker.settings import current

_NONCE_BYTES = 12


def encrypt(secret: str, place: str) -> str:
    """A secret as it is stored: AES-256-GCM under a key derived from KYROS_SECRET_KEY.

    `place` names the row; what was encrypted for one place can't be read at another. Raises
    ConfigurationError when no key is set.
    """
    nonce = os.urandom(_NONCE_BYTES)
    sealed = _cipher(_key()).encrypt(nonce, secret.encode(), place.encode())
    return b64encode(nonce + sealed).decode()


def decrypt(stored: str, place: str) -> str:
    """The secret of a stored text.

    Raises cryptography.exceptions.InvalidTag when it was stored with another key or elsewhere, and
    ConfigurationError when no key is set.
    """
    sealed = b64decode(stored)
    nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    return _cipher(_key()).decrypt(nonce, text, place.encode()).decode()


def _key() -> str:
    key = current().secret_key
    if key is None:
        raise ConfigurationError("KYROS_SECRET_KEY is not set: it encrypts the secrets at rest.")
    return key


@lru_cache(maxsize=4)
def _cipher(key: str) -> AESGCM:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"kyros secrets at rest")
    return AESGCM(derived.derive(key.encode()))
