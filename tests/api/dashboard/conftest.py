"""What the tests of pages share."""

import secrets

import pytest

from tests.browser import Browser
from tests.people import held, new_user, no_users, password_hash

__all__ = ["held", "new_user", "no_users", "password_hash"]


@pytest.fixture
def browser(app, new_user):
    """Makes browsers: `browser("admin")` of a new user, `browser()` of nobody yet."""

    def make(role=None, **fields):
        if role is None:
            return Browser(app.test_client())
        fields.setdefault("email", f"{secrets.token_hex(4)}@example.com")
        return Browser(app.test_client(), new_user(role, **fields))

    return make
