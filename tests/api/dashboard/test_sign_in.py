import pytest

from api import windows
from tests.credentials import COOKIE
from tests.people import PASSWORD, audit_entries


@pytest.fixture
def still(monkeypatch):
    """No quarter of an hour turns in the midst of a test."""
    monkeypatch.setattr(windows, "time", lambda: 1e9)


def cookie_of(answer):
    return next(
        (one for one in answer.headers.getlist("Set-Cookie") if one.startswith(f"{COOKIE}=")), None
    )


def test_in_and_out(browser, new_user):
    user, jo = new_user("developer", email="jo@example.com"), browser()
    first = jo.get("/settings/profile?mode=test")
    assert first.status_code == 303
    assert first.location == "/sign-in?next=%2Fsettings%2Fprofile%3Fmode%3Dtest"
    assert 'value="/settings/profile?mode=test"' in jo.get(first.location).text
    answer = jo.post(
        "/sign-in", email=" JO@example.com ", password=PASSWORD, next="/settings/profile?mode=test"
    )
    assert (answer.status_code, answer.location) == (303, "/settings/profile?mode=test")
    assert answer.headers["Cache-Control"] == "no-store"
    attributes = cookie_of(answer).split("; ")
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(attributes)
    assert not any(one.startswith("Domain") for one in attributes)
    page = jo.get("/settings/profile")
    assert page.status_code == 200
    assert "jo@example.com" in page.text
    begun = audit_entries("session.begin")[0]
    assert begun["details"] == {"user_id": user.id}
    token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    out = jo.client.post("/sign-out", data={"csrf_token": token}, headers={"Accept": "text/html"})
    assert (out.status_code, out.location) == (303, "/sign-in")
    assert audit_entries("session.end")[0]["target"] == begun["target"]
    assert jo.get("/settings/profile").status_code == 303


def test_the_cookie_is_for_tls_alone_where_there_is_tls(browser, new_user):
    new_user(email="jo@example.com")
    answer = browser().client.post(
        "/sign-in",
        data={"email": "jo@example.com", "password": PASSWORD},
        base_url="https://localhost",
    )
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-kyros_session=")
    assert "Secure" in cookie.split("; ")


def test_the_start(browser):
    assert browser().get("/").location == "/sign-in?next=%2F"
    assert browser("viewer").get("/").location == "/settings/profile"


@pytest.mark.parametrize(
    ("email", "password"),
    [("jo@example.com", "wrong password"), ("nobody@example.com", PASSWORD), ("", ""),
     ("not an address", PASSWORD), ("jo@example.com", ""), ("jo@example.com", "x" * 60_000),
     ("disabled@example.com", PASSWORD), ("é" * 300, "é")],
)  # fmt: skip
def test_whatever_is_wrong_is_told_alike(browser, new_user, email, password):
    from kyros_worker.clock import now

    new_user(email="jo@example.com")
    new_user(email="disabled@example.com", disabled_at=now())
    answer = browser().post("/sign-in", email=email, password=password, next="//evil.example")
    assert answer.status_code == 401
    assert "The address or the password is wrong." in answer.text
    assert cookie_of(answer) is None
    assert not password or password not in answer.text.replace(email, "")


@pytest.mark.parametrize("wanted", ["//evil.example", "/\\evil.example", "https:evil", "/%2Fevil"])
def test_it_never_leads_away(browser, new_user, wanted):
    new_user(email="jo@example.com")
    answer = browser().post("/sign-in", email="jo@example.com", password=PASSWORD, next=wanted)
    assert (answer.status_code, answer.location) == (303, "/")


def test_after_many_wrong_passwords(browser, new_user):
    new_user(email="jo@example.com")
    jo = browser()
    answers = [
        jo.post("/sign-in", email="jo@example.com", password="wrong again") for _ in range(6)
    ]
    assert [one.status_code for one in answers] == [401] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert "Too many wrong passwords" in answers[-1].text
    refused = jo.post("/sign-in", email="jo@example.com", password=PASSWORD)
    assert refused.status_code == 429


def test_after_many_from_one_address(browser, new_user, still):
    from kyros_worker.settings import current

    most = current().configuration.rate_limits.failed_sign_ins
    new_user(email="jo@example.com")
    jo = browser()
    for number in range(most):
        answer = jo.post("/sign-in", email=f"{number}", password="wrong")
        assert answer.status_code == 401
    refused = jo.post("/sign-in", email="jo@example.com", password=PASSWORD)
    assert refused.status_code == 429
    assert "from your address" in refused.text
    assert int(refused.headers["Retry-After"]) > 0
    assert browser().post("/sign-in", email="jo@example.com", password=PASSWORD).location == "/"


def test_who_goes_on_while_he_waits_is_counted(browser, new_user, still):
    """With one address, and always another password, as with many addresses."""
    new_user(email="jo@example.com")
    guesser = browser()
    answers = [guesser.post("/sign-in", email="jo@example.com", password="x") for _ in range(20)]
    assert [one.status_code for one in answers] == [401] * 5 + [429] * 15
    assert "wrong passwords for this address" in answers[-1].text
    refused = guesser.post("/sign-in", email="other@example.com", password="x")
    assert refused.status_code == 429
    assert "from your address" in refused.text
    owner = browser().post("/sign-in", email="jo@example.com", password=PASSWORD)
    assert owner.status_code == 303


def test_a_wrong_address_is_kept_and_harmless(browser):
    answer = browser().post(
        "/sign-in", email='"><script>alert(1)</script>', password="secret words"
    )
    assert "<script" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "secret words" not in answer.text
