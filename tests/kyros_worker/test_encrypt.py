"""Secrets at rest: read with the same key at the same place, and nowhere else."""

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kyros_worker.encrypt import decrypt, encrypt
from kyros_worker.settings import current
from tests.installed import schema

__all__ = ["schema"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_what_is_encrypted_is_read_again(schema, secret):
    stored = encrypt(secret, "whk_1")
    assert decrypt(stored, "whk_1") == secret
    assert stored != encrypt(secret, "whk_1")


def test_nothing_of_it_shows(schema):
    assert "your-webhook" not in encrypt("your-webhook-secret", "whk_1")


def test_another_place_can_not_read_it(schema):
    with pytest.raises(InvalidTag):
        decrypt(encrypt("secret", "whk_1"), "whk_2")


def test_another_key_can_not_read_it(schema, monkeypatch):
    stored = encrypt("secret", "whk_1")
    other = current().model_copy(update={"secret_key": "another key " * 4})
    monkeypatch.setattr("kyros_worker.encrypt.current", lambda: other)
    with pytest.raises(InvalidTag):
        decrypt(stored, "whk_1")
