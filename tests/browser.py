"""A person's browser, for tests of pages."""

import re
from itertools import count

from kyros_worker.user.session import authenticate_session
from tests.credentials import COOKIE
from tests.people import session_of

ACCEPT = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
_addresses = count(1)


class Browser:
    """Gets pages and sends forms; `user` is whose it is, and `person` who has signed in."""

    def __init__(self, client, user=None):
        self.client, self.user, self.person = client, user, None
        # Another address for each, since failed sign-ins are counted by it.
        number = next(_addresses)
        client.environ_base["REMOTE_ADDR"] = f"198.51.{number // 256}.{number % 256}"
        if user:
            cookie = session_of(user.id)
            client.set_cookie(COOKIE, cookie)
            self.person = authenticate_session(cookie)

    def get(self, path, **headers):
        return self.client.get(path, headers={**ACCEPT, **headers})

    def post(self, path, form=None, headers=None, **fields):
        token = {"csrf_token": self.person.csrf_token} if self.person else {}
        data = {**token, **fields} if form is None else form
        return self.client.post(path, data=data, headers={**ACCEPT, **(headers or {})})

    def save(self, path, **fields):
        """Sends the form of the record at a path, as its page shows it now."""
        return self.post(path, shown=shown(self.get(path)), **fields)


def form_id(page):
    """The id of the form on a page, by which it is taken once."""
    return re.search(r'name="form_id" value="([^"]+)"', page.text)[1]


def shown(page):
    """The mark of what the form on a page shows."""
    return re.search(r'name="shown" value="([^"]+)"', page.text)[1]
