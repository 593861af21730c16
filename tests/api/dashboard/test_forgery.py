"""Forms are taken from this site's own pages alone: every route that changes something."""

from types import SimpleNamespace

import pytest

from api.dashboard import forgery
from tests.browser import ACCEPT
from tests.credentials import bearer
from tests.people import PASSWORD

IDS = {
    "session_id": "ses_1234567890123", "user_id": "usr_1234567890123",
    "key_id": "key_1234567890123", "webhook_id": "whk_1234567890123",
    "delivery_id": "dlv_1234567890123", "application_id": "oac_1234567890123",
    "grant_id": "grant_1234567890123",
}  # fmt: skip


def changing(app):
    """The path of every page that takes a form."""
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(("/settings", "/sign-")) and "POST" in rule.methods:
            yield rule.build({name: IDS[name] for name in rule.arguments})[1]


def test_there_are_many(app):
    assert len(list(changing(app))) > 20


def test_a_form_needs_its_sessions_own_token(app, browser):
    jo, other = browser("admin"), browser("admin")
    tokens = [None, "", "wrong", "é", other.person.csrf_token, jo.person.csrf_token[:-1]]
    for path in set(changing(app)) - {"/sign-in"}:
        for token in tokens:
            answer = jo.post(path, {} if token is None else {"csrf_token": token})
            assert (answer.status_code, answer.is_json) == (403, False), (path, token)
            assert "load the page anew" in answer.text
    assert jo.get("/settings/profile").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, {"Origin": "null"},
        {"Origin": "https://evil.example"}, {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost:8000"}, {"Origin": "http://["}, {"Origin": ""},
        {"Sec-Fetch-Site": ""},
    ],
)  # fmt: skip
def test_another_sites_form_is_refused(app, browser, new_user, headers):
    jo = browser("admin")
    for path in changing(app):
        answer = jo.post(path, headers=headers)
        assert answer.status_code == 403, path
        assert "Another site sent this form" in answer.text
    new_user(email="jo@example.com")
    answer = browser().post("/sign-in", headers=headers, email="jo@example.com", password=PASSWORD)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("origin", ["null", "http://[", ""])
def test_an_origin_without_a_host_is_no_site(browser, monkeypatch, origin):
    """Not even where the deployment does not know its own."""
    monkeypatch.setattr(forgery, "current", lambda: SimpleNamespace(base_url="kyros.example.com"))
    fields = {"email": "jo@example.com", "password": PASSWORD}
    assert browser().post("/sign-in", headers={"Origin": origin}, **fields).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"},
     {"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {"Sec-Fetch-Site": "none"},
     {"Origin": "https://localhost"}],
)  # fmt: skip
def test_this_sites_form_is_taken(browser, new_user, headers):
    new_user(email="jo@example.com")
    answer = browser().post("/sign-in", headers=headers, email="jo@example.com", password=PASSWORD)
    assert answer.status_code == 303


def test_a_programs_key_opens_no_page(client, new_key):
    headers = ACCEPT | bearer(new_key("admin")["key"])
    assert client.get("/settings/api-keys", headers=headers).status_code == 401
    assert client.post("/settings/api-keys", headers=headers).status_code == 401
