"""`/settings/oauth2`: applications and what one lets them do, as people see them."""

import re

import pytest

from api.dashboard import settings_oauth2
from kyros_worker.database import read, transaction
from kyros_worker.oauth2 import tokens
from kyros_worker.oauth2.queries import KnownApplication, known_application
from tests.applications import CALLBACK, TESTS, code_for, new_application, no_applications
from tests.browser import form_id, shown
from tests.people import audit_entries, new_user, no_users, password_hash

__all__ = ["new_application", "new_user", "no_applications", "no_users", "password_hash"]

PAGE = "/settings/oauth2"
NEW = {"name": "Your app", "kind": "confidential", "redirect_uris": f"{CALLBACK}\r\nhttps://b.example/",
       "permissions": ["tasks:read", "tasks:write"]}  # fmt: skip


@pytest.fixture
def boss(browser):
    return browser("admin")


@pytest.fixture
def viewer(browser):
    return browser("viewer")


def registered(boss, **changes):
    page = boss.get(f"{PAGE}/applications/new")
    return boss.post(f"{PAGE}/applications", form_id=form_id(page), **{**NEW, **changes})


def known(answer):
    with read() as connection:
        return known_application(connection, re.search(r"oac_\d+", answer.text)[0])


def secret(answer):
    found = re.search(r"kyros_cs_[\w-]{43}", answer.text)
    return found and found[0]


def let(application, user):
    """The person lets the application in."""
    with transaction() as connection:
        code = tokens.find_code(connection, application["id"], code_for(application, user))
    with transaction() as connection:
        return tokens.exchange_code(connection, TESTS, code)


def test_registering(boss, no_applications):
    answer = registered(boss)
    assert answer.status_code == 201
    found = known(answer)
    assert isinstance(found, KnownApplication)
    assert found.redirect_uris == [CALLBACK, "https://b.example/"]
    assert found.permissions == ["tasks:read", "tasks:write"]
    assert found.created_by == boss.user.id
    assert found.has_secret(secret(answer))
    assert audit_entries("oauth2_application.create")[0]["actor"] == boss.user.id
    for page in (PAGE, f"{PAGE}/applications/{found.id}"):
        shown = boss.get(page)
        assert shown.status_code == 200
        assert "Your app" in shown.text
        assert secret(shown) is None


def test_the_same_form_twice_shows_the_secret_once(boss, no_applications):
    page = boss.get(f"{PAGE}/applications/new")
    first, again = (
        boss.post(f"{PAGE}/applications", form_id=form_id(page), **NEW) for _ in range(2)
    )
    assert known(first).id == known(again).id
    assert (secret(again), again.status_code) == (None, 200)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "Must be 1 to 100 printable characters"),
        ({"redirect_uris": ""}, "Are needed"),
        ({"redirect_uris": "http://a.example/"}, "Must begin with https://"),
        ({"permissions": []}, "Choose one or more."),
        ({"permissions": ["x"]}, "Must be one of"),
        ({"kind": "public", "acts_for_itself": "yes"}, "Needs a secret"),
    ],
)
def test_wrong_fields(boss, no_applications, changes, words):
    answer = registered(boss, **changes)
    assert answer.status_code == 422
    assert words in answer.text
    assert "Registered applications" in boss.get(PAGE).text
    assert "oac_" not in boss.get(PAGE).text


def test_changing_rotating_and_deleting(boss, no_applications):
    made = registered(boss)
    path = f"{PAGE}/applications/{known(made).id}"
    changed = {**NEW, "name": "Mine", "redirect_uris": "", "acts_for_itself": "yes"}
    mark = shown(boss.get(path))
    assert boss.post(path, shown=mark, **changed).status_code == 303
    found = known(made)
    assert (found.name, found.redirect_uris, found.acts_for_itself) == ("Mine", [], True)
    rotated = boss.post(f"{path}/rotate", form_id=form_id(boss.get(f"{path}/rotate")))
    assert known(made).has_secret(secret(rotated))
    assert not known(made).has_secret(secret(made))
    assert boss.get(f"{path}/delete").status_code == 200
    assert boss.post(f"{path}/delete").status_code == 303
    assert known(made) is None
    assert boss.get(path).status_code == 404


def test_what_one_lets_applications_do(viewer, new_user, new_application):
    application = new_application(name="<i>App</i>")
    other = new_user(email="other@example.com")
    let(application, viewer.user)
    let(application, other)
    page = viewer.get(PAGE).text
    assert page.count("&lt;i&gt;App&lt;/i&gt;</bdi>") == 1
    assert "Register your application" not in page
    path = re.search(r'action="([^"]+/revoke)"', page)[1]
    assert viewer.post(path).status_code == 303
    assert "No application may act for you" in viewer.get(PAGE).text
    assert audit_entries("oauth2_grant.revoke")[0]["actor"] == viewer.user.id


def test_the_page_says_that_it_shows_the_newest(viewer, new_application, monkeypatch):
    monkeypatch.setattr(settings_oauth2, "MOST_GRANTS", 2)
    application = new_application()
    let(application, viewer.user)
    assert "These are the newest" not in viewer.get(PAGE).text
    for _ in range(2):
        let(application, viewer.user)
    page = viewer.get(PAGE).text
    assert page.count("/revoke") == 2
    assert "These are the newest 2." in page


def test_what_others_let_applications_do_is_theirs(viewer, boss, new_application):
    let(new_application(), boss.user)
    path = re.search(r'action="([^"]+/revoke)"', boss.get(PAGE).text)[1]
    assert viewer.post(path).status_code == 404
    assert "/revoke" in boss.get(PAGE).text


@pytest.mark.parametrize(
    "path", ["applications/new", "applications/oac_1", "applications/oac_1/rotate",
             "applications/oac_1/delete"]
)  # fmt: skip
def test_admins_alone_touch_applications(viewer, path):
    assert viewer.get(f"{PAGE}/{path}").status_code == 403
    if "new" not in path:
        assert viewer.post(f"{PAGE}/{path}").status_code == 403
    assert viewer.post(f"{PAGE}/applications").status_code == 403


def test_a_long_list_goes_on(boss, new_application):
    for _ in range(52):
        new_application()
    page = boss.get(PAGE)
    assert page.text.count(f'href="{PAGE}/applications/oac_') == 50
    older = re.search(r'href="([^"]+cursor=[^"]+)"', page.text)[1]
    assert boss.get(older).text.count(f'href="{PAGE}/applications/oac_') == 2
    assert boss.get(f"{PAGE}?cursor=abc").status_code == 422
