"""What holds for every page: who may open it, what it loads, and what it does with odd texts."""

import re
from html.parser import HTMLParser

import pytest
from markupsafe import escape

from api.dashboard.page import MESSAGES
from kyros_worker.auth.create import create
from kyros_worker.auth.subject import PERMISSIONS_OF, ROLES
from kyros_worker.database import transaction
from kyros_worker.oauth2.applications import register
from kyros_worker.webhook import endpoints
from kyros_worker.webhook.tables import Attempt
from tests import webhooks
from tests.applications import CALLBACK
from tests.keys import ACTOR

TRICKS = (
    "<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "{{ 7 * 7 }}{% raw %}",
    "' onmouseover='alert(1)", "</textarea></select><b>", "&lt;i&gt;", "javascript:alert(1)",
)  # fmt: skip

#: The pages by the permission that they take; None for every person.
PAGES = {
    "/settings/profile": None,
    "/settings/api-keys": "admin",
    "/settings/api-keys/new": "admin",
    "/settings/api-keys/{key}": "admin",
    "/settings/api-keys/{key}/rotate": "admin",
    "/settings/api-keys/{key}/revoke": "admin",
    "/settings/oauth2": None,
    "/settings/oauth2/applications/new": "admin",
    "/settings/oauth2/applications/{application}": "admin",
    "/settings/oauth2/applications/{application}/rotate": "admin",
    "/settings/oauth2/applications/{application}/delete": "admin",
    "/settings/users": "admin",
    "/settings/users/new": "admin",
    "/settings/users/{user}": "admin",
    "/settings/users/{user}/password": "admin",
    "/settings/webhooks": "webhooks:manage",
    "/settings/webhooks/new": "webhooks:manage",
    "/settings/webhooks/{webhook}": "webhooks:manage",
    "/settings/webhooks/{webhook}/rotate-secret": "webhooks:manage",
    "/settings/webhooks/{webhook}/delete": "webhooks:manage",
}


#: Those that show a name, a description or an answer that somebody chose.
SHOW_TEXTS = {
    "/settings/api-keys", "/settings/api-keys/{key}", "/settings/users", "/settings/users/{user}",
    "/settings/webhooks", "/settings/webhooks/{webhook}", "/settings/oauth2",
    "/settings/oauth2/applications/{application}",
}  # fmt: skip


@pytest.fixture
def things(no_keys, new_user, no_webhooks):
    """Ids of one thing of each kind, whose texts are tricks."""

    def make(trick="plain"):
        with transaction() as connection:
            key = create(connection, ACTOR, name=trick, permissions=["tasks:read"], mode="test")
        user = new_user("viewer", name=trick, email=f"odd{abs(hash(trick))}@example.com")
        with transaction() as connection:
            wanted = {"redirect_uris": [CALLBACK], "permissions": ["tasks:read"]}
            application = register(connection, ACTOR, name=trick, **wanted)
        webhook = webhooks.webhook("*", description=trick)
        with transaction() as connection:
            delivery = endpoints.send_test(connection, webhook["id"], webhook["mode"])
            connection.execute(
                Attempt.__table__.insert().values(
                    delivery_id=delivery["id"], number=1, at=delivery["created_at"],
                    duration_seconds=1, headers={}, status_code=500, answer=trick * 400,
                    error=trick,
                )
            )  # fmt: skip
        return {
            "key": key["id"], "user": user.id, "webhook": webhook["id"],
            "application": application["id"],
        }  # fmt: skip

    return make


class Seen(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, tag):
        return [attributes for found, attributes in self.tags if found == tag]


def test_the_table_is_whole(app):
    known = {re.sub(r"\{\w+\}", "{}", path) for path in PAGES}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/settings") and "GET" in rule.methods:
            assert re.sub(r"<\w+>", "{}", rule.rule) in known


@pytest.mark.parametrize("role", ROLES)
def test_who_may_open_what(browser, things, role):
    jo, ids = browser(role), things()
    navigation = Seen(jo.get("/settings/profile").text).all("a")
    shown = {link["href"] for link in navigation}
    for path, permission in PAGES.items():
        page = jo.get(path.format(**ids))
        may = permission is None or permission in PERMISSIONS_OF[role]
        assert page.status_code == (200 if may else 403), path
        if path.count("/") == 2 and "{" not in path:
            assert (path in shown) == may, path
        if not may:
            assert f"This needs the permission {permission}." in page.text
            assert "It takes the role" in page.text
            assert "<strong>admin</strong>" in page.text


def test_nobody_sees_anything(browser, things):
    ids, nobody = things(), browser()
    for path in PAGES:
        answer = nobody.get(path.format(**ids))
        assert (answer.status_code, answer.location[:14]) == (303, "/sign-in?next=")
        assert nobody.get(path.format(**ids), Accept="*/*").status_code == 401


@pytest.mark.parametrize("trick", TRICKS)
def test_odd_texts_are_texts(browser, things, trick):
    jo, ids = browser("admin", name=trick), things(trick)
    plain = browser("admin", name="plain")
    for path in PAGES:
        page, again = jo.get(path.format(**ids)), plain.get(path.format(**ids))
        assert page.status_code == 200, path
        for text in (page.text, again.text):
            seen = Seen(text)
            assert not seen.all("script")
            assert not seen.all("b")
            assert all(one["src"].startswith("/assets/") for one in seen.all("img"))
            assert not any(name.startswith("on") for _, found in seen.tags for name in found)
            assert all(not one.get("href", "").startswith("java") for one in seen.all("a"))
        if path in SHOW_TEXTS:
            assert str(escape(trick)) in again.text, path


def test_what_every_page_loads(browser, things):
    jo, ids = browser("admin"), things()
    for path in ["/sign-in", "/nothing", *PAGES]:
        page = jo.get(path.format(**ids))
        assert page.content_type == "text/html; charset=utf-8"
        assert page.headers["Content-Security-Policy"] == (
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
            "frame-ancestors 'none'; base-uri 'none'"
        )
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "same-origin"
        seen = Seen(page.text)
        assert not seen.all("script")
        assert not seen.all("style")
        assert not any("style" in attributes for _, attributes in seen.tags)
        loaded = [one["href"] for one in seen.all("link")] + [one["src"] for one in seen.all("img")]
        assert loaded
        for address in loaded:
            assert address.startswith("/assets/")
            asset = jo.get(address)
            assert asset.status_code == 200
            assert "max-age=3600" in asset.headers["Cache-Control"]


def test_every_field_has_a_label(browser, things):
    jo, ids = browser("admin"), things()
    for path in ["/sign-in", *PAGES]:
        seen = Seen(jo.get(path.format(**ids)).text)
        labelled = {one.get("for") for one in seen.all("label")}
        for field in seen.all("input") + seen.all("select"):
            hidden = field.get("type") in ("hidden", "checkbox") or "hidden" in field
            assert hidden or field["id"] in labelled, (path, field)
        for form in seen.all("form"):
            assert form["method"] == "post"


def test_a_message_is_shown_once_and_is_one_of_ours(browser):
    jo = browser("viewer")
    for code, message in MESSAGES.items():
        jo.client.set_cookie("kyros_message", code)
        assert message in jo.get("/settings/profile").text
        assert message not in jo.get("/settings/profile").text
    jo.client.set_cookie("kyros_message", "<b>You have won</b>")
    page = jo.get("/settings/profile")
    assert "won" not in page.text
    assert "notice" not in page.text


def test_the_header_of_a_mode_is_refused(browser):
    """A page's mode stands in its address: the header would be ignored, and live things changed."""
    answer = browser("admin").get("/settings/webhooks", **{"X-Kyros-Mode": "test"})
    assert answer.status_code == 422
    assert "?mode=test" in answer.text
