"""A browser of a person who has signed in."""

import re
import secrets
from itertools import count

import pytest

from kyros_worker.user.session import authenticate_session
from tests import webhooks
from tests.people import held, new_user, no_users, password_hash, session_of

__all__ = ["held", "new_user", "no_users", "password_hash"]

ACCEPT = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
COOKIE = "kyros_session"
_addresses = count(1)


class Browser:
    """Gets pages and sends forms; `person` is who has signed in."""

    def __init__(self, client, cookie=None):
        self.client = client
        self.person = authenticate_session(cookie) if cookie else None
        self.cookie = cookie
        # Another address for each, since failed sign-ins are counted by it.
        number = next(_addresses)
        client.environ_base["REMOTE_ADDR"] = f"198.51.{number // 256}.{number % 256}"
        if cookie:
            client.set_cookie(COOKIE, cookie)

    def get(self, path, **headers):
        return self.client.get(path, headers={**ACCEPT, **headers})

    def post(self, path, form=None, headers=None, **fields):
        token = {"csrf_token": self.person.csrf_token} if self.person else {}
        data = {**token, **fields} if form is None else form
        return self.client.post(path, data=data, headers={**ACCEPT, **(headers or {})})

    def save(self, path, **fields):
        """Sends the form of the record at a path, as its page shows it now."""
        return self.post(path, shown=shown(self.get(path)), **fields)


@pytest.fixture
def browser(app, new_user):
    """Makes browsers: `browser("admin")` of a new user, `browser()` of nobody yet."""

    def make(role=None, **fields):
        if role is None:
            return Browser(app.test_client())
        fields.setdefault("email", f"{secrets.token_hex(4)}@example.com")
        return Browser(app.test_client(), session_of(new_user(role, **fields).id))

    return make


@pytest.fixture
def no_webhooks(schema):
    webhooks.forget()
    yield
    webhooks.forget()


def form_id(page):
    """The id of the form on a page, by which it is taken once."""
    return re.search(r'name="form_id" value="([^"]+)"', page.text)[1]


def shown(page):
    """The mark of what the form on a page shows."""
    return re.search(r'name="shown" value="([^"]+)"', page.text)[1]
