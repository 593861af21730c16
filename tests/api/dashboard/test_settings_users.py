import re
from types import SimpleNamespace

import pytest

from api.dashboard import settings_profile
from kyros_worker.database import read
from kyros_worker.oauth2.tables import Grant
from kyros_worker.user.queries import find_user
from tests.applications import code_for, new_application, no_applications, rows
from tests.browser import Browser, form_id
from tests.people import PASSWORD, audit_entries, session_of

__all__ = ["new_application", "no_applications"]


@pytest.fixture
def jo(browser):
    return browser("admin", email="jo@example.com")


def create(jo, **fields):
    identity = form_id(jo.get("/settings/users/new"))
    fields = {"email": "vera@example.com", "name": "Vera", "role": "viewer", **fields}
    return jo.post("/settings/users", form_id=identity, **fields)


def user(email="vera@example.com"):
    with read() as connection:
        return find_user(connection, email)


def password_on(page):
    return re.search(r"<code>([A-Za-z0-9_-]{20})</code>", page.text)[1]


def test_a_new_user_signs_in_with_the_password_that_is_shown(jo, browser):
    page = create(jo)
    assert page.status_code == 201
    answer = browser().post("/sign-in", email="vera@example.com", password=password_on(page))
    assert answer.status_code == 303
    assert user()["role"] == "viewer"
    assert audit_entries("user.create")[0]["actor"] == jo.person.user_id
    listed = jo.get("/settings/users").text
    assert "vera@example.com" in listed
    assert password_on(page) not in listed


def test_a_form_that_is_sent_again_makes_no_second_user(jo):
    identity = form_id(jo.get("/settings/users/new"))
    fields = {"form_id": identity, "email": "vera@example.com", "name": "V", "role": "viewer"}
    assert jo.post("/settings/users", **fields).status_code == 201
    again = jo.post("/settings/users", **fields)
    assert again.status_code == 200
    assert "was sent before" in again.text
    assert "<code>" not in again.text.partition("<main")[2]


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"email": "no address"}, 422, "Must be an e-mail address"), ({"email": ""}, 422, "e-mail"),
        ({"name": ""}, 422, "name"), ({"role": "root"}, 422, "role"),
        ({"name": "x" * 101}, 422, "name"), ({"email": "jo@example.com"}, 409, "already"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(jo, fields, status, said):
    page = create(jo, **{"name": "typed before", **fields})
    assert page.status_code == status
    assert said in page.text
    assert 'role="alert"' in page.text


def test_changing_and_access(jo, browser):
    create(jo)
    path = f"/settings/users/{user()['id']}"
    assert jo.save(path, name="Vera W", role="operator").location == path
    assert (user()["name"], user()["role"]) == ("Vera W", "operator")
    assert jo.save(path, name="", role="operator").status_code == 422
    assert jo.save(path, name="V", role="root").status_code == 422
    assert jo.post(f"{path}/disable").location == path
    assert user()["disabled_at"] is not None
    assert "disabled" in jo.get(path).text
    assert jo.post(f"{path}/enable").location == path
    assert user()["disabled_at"] is None
    identity = form_id(jo.get(f"{path}/password"))
    page = jo.post(f"{path}/password", form_id=identity)
    answer = browser().post("/sign-in", email="vera@example.com", password=password_on(page))
    assert answer.status_code == 303
    assert "was sent before" in jo.post(f"{path}/password", form_id=identity).text


@pytest.mark.parametrize("what", ["disable", "password"])
def test_applications_may_act_for_the_user_no_more(jo, new_application, what):
    application = new_application()
    create(jo)
    path = f"/settings/users/{user()['id']}/{what}"
    code_for(application, SimpleNamespace(**user()))
    fields = {} if what == "disable" else {"form_id": form_id(jo.get(path))}
    assert jo.post(path, **fields).status_code < 400
    assert [grant.revoked_at is None for grant in rows(Grant)] == [False]


def test_the_last_admin_stays(jo):
    path = f"/settings/users/{jo.person.user_id}"
    page = jo.save(path, name="Jo", role="viewer")
    assert page.status_code == 409
    assert "admin" in page.text
    assert jo.post(f"{path}/disable").status_code == 409
    assert jo.get("/settings/profile").status_code == 200


def test_no_connection_is_held_while_a_password_is_hashed(jo, browser, held):
    create(jo)
    path = f"/settings/users/{user()['id']}/password"
    page = jo.post(path, form_id=form_id(jo.get(path)))
    shown = password_on(page)
    assert browser().post("/sign-in", email="vera@example.com", password=shown).status_code == 303
    assert browser().post("/sign-in", email="x@example.com", password=shown).status_code == 401
    fields = {"old": PASSWORD, "password": "other plain words", "again": "other plain words"}
    assert jo.post("/settings/profile/password", **fields).status_code == 303
    assert held == [0] * 6


@pytest.mark.parametrize("user_id", ["usr_1234567890123", "x", "jo@nowhere.example", "usr_%00"])
def test_no_such_user(jo, user_id):
    assert jo.get(f"/settings/users/{user_id}").status_code == 404
    assert jo.post(f"/settings/users/{user_id}/disable").status_code == 404


class TestProfile:
    def test_a_new_name(self, browser):
        vera = browser("viewer", name="Vera")
        assert vera.post("/settings/profile", name=" Vera W ").location == "/settings/profile"
        page = vera.get("/settings/profile").text
        assert "Your name is changed." in page
        assert 'value="Vera W"' in page
        assert user(vera.person.email)["role"] == "viewer"
        (entry, *_) = audit_entries("user.change")
        assert (entry["actor"], entry["target"]) == (vera.person.user_id, vera.person.user_id)

    @pytest.mark.parametrize("typed", ["", "  ", "x" * 101, "a\nb", "a\u202eb"])
    def test_a_name_that_is_none(self, browser, typed):
        vera = browser("viewer", name="Vera")
        page = vera.post("/settings/profile", name=typed, role="admin", email="x@example.com")
        assert page.status_code == 422
        assert "printable characters" in page.text
        assert user(vera.person.email)["name"] == "Vera"

    def test_a_new_password(self, jo, browser):
        fields = {"old": PASSWORD, "password": "other plain words", "again": "other plain words"}
        page = jo.post("/settings/profile/password", **fields)
        assert page.location == "/settings/profile"
        answer = browser().post("/sign-in", email="jo@example.com", password="other plain words")
        assert answer.status_code == 303

    @pytest.mark.parametrize(
        ("fields", "said"),
        [({"old": "wrong words here"}, "Is not the password."), ({"again": "x"}, "not the same"),
         ({"password": "short", "again": "short"}, "12"),
         ({"password": "jo@example.com", "again": "jo@example.com"}, "must not be the e-mail"),
         ({"old": "", "password": "", "again": ""}, "12")],
    )  # fmt: skip
    def test_a_wrong_one(self, jo, fields, said):
        typed = {"old": PASSWORD, "password": "other plain words", "again": "other plain words"}
        page = jo.post("/settings/profile/password", **{**typed, **fields})
        assert page.status_code == 422
        assert said.lower() in page.text.lower()
        for password in typed.values():
            assert password not in page.text

    def test_who_guesses_the_old_one_is_told_how_long_to_wait(self, jo):
        fields = {"old": "a guess", "password": "other plain words", "again": "other plain words"}
        for _ in range(5):
            assert jo.post("/settings/profile/password", **fields).status_code == 422
        answer = jo.post("/settings/profile/password", **fields)
        assert answer.status_code == 429
        names = ("RateLimit-Limit", "RateLimit-Remaining")
        assert [answer.headers[name] for name in names] == ["5", "0"]
        assert answer.headers["RateLimit-Reset"] == answer.headers["Retry-After"]

    def test_sessions(self, jo, app):
        others = [Browser(app.test_client(), jo.user) for _ in range(3)]
        assert jo.get("/settings/profile").text.count("Sign out<span") == 3
        path = f"/settings/profile/sessions/{others[0].person.session_id}/end"
        assert jo.post(path).location == "/settings/profile"
        assert others[0].get("/settings/profile").status_code == 303
        assert others[1].get("/settings/profile").status_code == 200
        assert jo.post(path).status_code == 404
        jo.post("/settings/profile/sessions/end-others")
        assert [one.get("/settings/profile").status_code for one in others] == [303] * 3
        entry = audit_entries("session.end")[0]
        assert (entry["actor"], entry["target"]) == (jo.person.user_id, jo.person.user_id)
        assert entry["details"] == {"sessions": 2}
        assert jo.get("/settings/profile").status_code == 200

    def test_the_newest_sessions_are_shown(self, jo, monkeypatch):
        monkeypatch.setattr(settings_profile, "MOST_SESSIONS", 2)
        assert "the newest 2" not in jo.get("/settings/profile").text
        for _ in range(3):
            session_of(jo.person.user_id)
        page = jo.get("/settings/profile").text
        assert page.count("Sign out<span") == 2
        assert "These are the newest 2." in page
        jo.post("/settings/profile/sessions/end-others")
        assert "Sign out<span" not in jo.get("/settings/profile").text

    def test_anothers_session_stays(self, jo, browser):
        other = browser("viewer")
        assert jo.post(
            f"/settings/profile/sessions/{other.person.session_id}/end"
        ).status_code == 404  # fmt: skip
        assert other.get("/settings/profile").status_code == 200
