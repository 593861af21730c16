"""`/auth/oauth2/authorize`: what a person sees, decides, and where the browser is led."""

import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markupsafe import escape

from api.dashboard.next_path import next_path
from kyros_worker.database import transaction
from kyros_worker.oauth2 import applications, shut_out
from kyros_worker.oauth2.scope import DEFAULT
from kyros_worker.oauth2.tables import Code, Grant
from tests.api.oauth2.token_endpoint import CHALLENGE, VERIFIER, exchange
from tests.applications import CALLBACK, TESTS, rows
from tests.browser import Browser
from tests.credentials import bearer
from tests.locks import wait_until_it_waits
from tests.look_alikes import LOOK_ALIKES
from tests.people import PASSWORD, audit_entries

AUTHORIZE = "/auth/oauth2/authorize"


def ask(browser, asked):
    return browser.get(f"{AUTHORIZE}?{urlencode(asked)}")


def decide(browser, asked, decision="allow", headers=None, **fields):
    path = f"{AUTHORIZE}?{urlencode(asked)}"
    return browser.post(path, headers=headers, decision=decision, **fields)


@pytest.fixture
def browser(app, user):
    return Browser(app.test_client(), user)


@pytest.fixture
def stranger(app):
    return Browser(app.test_client())


def asked_by(application, **changes):
    wanted = {
        "response_type": "code",
        "client_id": application["id"],
        "redirect_uri": CALLBACK,
        "state": "a state",
        **changes,
    }
    return {name: text for name, text in wanted.items() if text is not None}


def led(answer, to=CALLBACK):
    """The parameters of where the answer leads."""
    assert answer.status_code == 303, answer.text
    place, _, query = answer.headers["Location"].partition("?")
    assert place == to
    assert answer.headers["Cache-Control"] == "no-store"
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    found = dict(pairs)
    assert found.pop("iss") == "http://localhost"
    return found


def is_told_here(answer):
    assert answer.status_code == 400, answer.text
    assert answer.content_type.startswith("text/html")
    assert "Location" not in answer.headers


def test_the_page(browser, application):
    answer = ask(browser, asked_by(application))
    assert answer.status_code == 200
    for words in ("Your app", "jo@example.com", "tests", "your-app.com", "see tasks", "Allow"):
        assert words in answer.text
    assert "It asks for everything" not in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "form-action 'self' https://your-app.com;" in policy
    assert "frame-ancestors 'none'" in policy
    assert rows(Code) == []


def test_allowing(web, browser, application, user):
    answer = led(decide(browser, asked_by(application)))
    assert set(answer) == {"code", "state"}
    assert answer["state"] == "a state"
    assert exchange(web, application, answer["code"]).json()["scope"] == " ".join(DEFAULT)
    entry = next(one for one in audit_entries("oauth2_grant.create"))
    assert (entry["actor"], entry["target"]) == (user.id, rows(Grant)[0].id)


def test_denying(browser, application):
    answer = led(decide(browser, asked_by(application), "deny"))
    assert (answer["error"], answer["state"]) == ("access_denied", "a state")
    assert rows(Grant) == []


@pytest.mark.parametrize("decision", ["", "ALLOW", "yes"])
def test_deciding_neither(browser, application, decision):
    is_told_here(decide(browser, asked_by(application), decision))
    assert rows(Grant) == []


def goes_on_to(page):
    """Where the sign-in's form leads."""
    assert '<form method="post" action="/sign-in"' in page
    return unescape(re.search(r'name="next" value="([^"]+)"', page)[1])


def test_signing_in_first(stranger, application):
    asked = asked_by(application, state="ä&b=c d%20")
    answer = ask(stranger, asked)
    assert answer.status_code == 200
    assert "Your app" not in answer.text
    back = urlsplit(goes_on_to(answer.text))
    assert (back.path, dict(parse_qsl(back.query))) == (
        AUTHORIZE,
        asked | {"after_sign_in": "1"},
    )
    assert goes_on_to(stranger.client.get(back.geturl()).text) == back.geturl()
    assert next_path(back.geturl()) == back.geturl()


def test_the_longest_address_is_not_lost_over_the_sign_in(web, new_application, user):
    """Through the real server, which takes no line that is longer."""
    uri = f"{CALLBACK}?x={'%20' * 600}"
    application = new_application(redirect_uris=[f"{uri}{'x' * (2000 - len(uri))}"])
    (uri,) = application["redirect_uris"]
    page = web.get(AUTHORIZE, params=asked_by(application, redirect_uri=uri))
    assert len(str(page.url)) > 3000
    form = {"email": user.email, "password": PASSWORD, "next": goes_on_to(page.text)}
    wrong = web.post("/sign-in", data=form | {"password": "x"})
    led_to = web.post("/sign-in", data=form | {"next": goes_on_to(wrong.text)}).headers["Location"]
    assert "Your app" in web.get(led_to).text


@pytest.mark.parametrize("who", ["stranger", "browser"])
@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": ""},
        {"client_id": "oac_1795621328407303923833"},
        {"client_id": "nobody"},
        {"client_id": "<script>"},
        {"redirect_uri": None},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": 'https://evil.example/"><script>alert(1)</script>'},
        {"redirect_uri": "https://your-app.com/callback\u00e9"},
        *({"redirect_uri": uri} for uri in LOOK_ALIKES),
    ],
)
def test_who_is_wrong_about_the_place_is_led_nowhere(request, new_application, who, changes):
    application = new_application(redirect_uris=[CALLBACK, "https://your-app.com/other"])
    browser = request.getfixturevalue(who)
    answer = ask(browser, asked_by(application, **changes))
    is_told_here(answer)
    assert "<script>" not in answer.text
    if who == "browser":
        is_told_here(decide(browser, asked_by(application, **changes)))
        is_told_here(decide(browser, asked_by(application, **changes), "deny"))


def test_two_of_what_leads(browser, application):
    for name in ("client_id", "redirect_uri"):
        again = urlencode({**asked_by(application)}) + f"&{name}=x"
        is_told_here(browser.client.get(f"{AUTHORIZE}?{again}"))


def test_the_only_redirect_uri_need_not_be_named(web, browser, application):
    answer = led(decide(browser, asked_by(application, redirect_uri=None)))
    assert exchange(web, application, answer["code"], redirect_uri=None).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"response_type": 'é"\\'}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"scope": "tasks:read openid"}, "invalid_scope"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"scope": 'é"\\'}, "invalid_scope"),
        ({"code_challenge": CHALLENGE}, "invalid_request"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": CHALLENGE[1:], "code_challenge_method": "S256"}, "invalid_request"),
        ({"code_challenge": CHALLENGE + "\n", "code_challenge_method": "S256"}, "invalid_request"),
        ({"code_challenge_method": "S256"}, "invalid_request"),
    ],
)
@pytest.mark.parametrize("who", ["stranger", "browser"])
def test_what_the_application_is_told(request, application, who, changes, error):
    browser = request.getfixturevalue(who)
    answer = led(ask(browser, asked_by(application, **changes)))
    assert (answer["error"], answer["state"]) == (error, "a state")
    assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*", answer["error_description"])
    assert rows(Grant) == []


@pytest.mark.parametrize("name", ["response_type", "scope", "state", "code_challenge", "x"])
def test_what_comes_twice(browser, application, name):
    query = urlencode(asked_by(application)) + f"&{name}=1&{name}=2"
    assert led(browser.client.get(f"{AUTHORIZE}?{query}"))["error"] == "invalid_request"


@pytest.mark.parametrize("state", ["a b", "+", "%20", "é", "&code=evil", "'\"<>", "x" * 1000, "#"])
def test_state_comes_back_as_it_came(browser, application, state):
    for decision in ("allow", "deny"):
        assert led(decide(browser, asked_by(application, state=state), decision))["state"] == state


def test_the_form_leads_back_to_the_same_question(browser, application):
    state = "é+%20&\"'<>#x"
    page = ask(browser, asked_by(application, state=state)).text
    action = unescape(re.search(r'<form method="post" action="(/auth[^"]*)"', page)[1])
    assert led(browser.post(action, decision="deny"))["state"] == state


def test_without_state(browser, application):
    for state in (None, ""):
        assert set(led(decide(browser, asked_by(application, state=state)))) == {"code"}


def test_the_redirect_uri_keeps_its_query(browser, new_application):
    uri = "https://your-app.com/cb?a=b%20c+d&e"
    application = new_application(redirect_uris=[uri])
    answer = decide(browser, asked_by(application, redirect_uri=uri))
    assert answer.headers["Location"].startswith(uri + "&code=kyros_ac_")


@pytest.mark.parametrize("uri", ["com.example.app:/cb", "http://127.0.0.1:51234/cb"])
def test_a_public_application(web, browser, new_application, uri):
    registered = uri.replace(":51234", "")
    application = new_application(public=True, redirect_uris=[registered])
    asked = asked_by(application, redirect_uri=uri)
    assert led(ask(browser, asked), uri)["error"] == "invalid_request"
    asked |= {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    page = ask(browser, asked)
    source = "com.example.app:" if uri[0] == "c" else "http://127.0.0.1:51234"
    assert f"form-action 'self' {source};" in page.headers["Content-Security-Policy"]
    for _ in range(2):
        # Each time anew: another program on the device may claim its id.
        assert ask(browser, asked).status_code == 200
        code = led(decide(browser, asked), uri)["code"]
        answer = exchange(web, application, code, redirect_uri=uri, code_verifier=VERIFIER)
        assert answer.status_code == 200


# What is asked and what is given.


def test_what_the_person_lacks_is_left_out(web, browser, application):
    asked = asked_by(application, scope="tasks:read webhooks:manage")
    assert "manage webhooks" not in ask(browser, asked).text
    code = led(decide(browser, asked))["code"]
    assert exchange(web, application, code).json()["scope"] == "tasks:read"
    asked["scope"] = "webhooks:manage"
    assert led(ask(browser, asked))["error"] == "access_denied"


def test_everything_is_warned_of(app, new_user, new_application, browser):
    application = new_application(permissions=["admin"])
    asked = asked_by(application, scope="admin")
    boss = Browser(app.test_client(), new_user("admin", email="boss@example.com"))
    assert "It asks for everything." in ask(boss, asked).text
    # A developer can give no more than he has.
    page = ask(browser, asked).text
    assert "It asks for everything." not in page
    assert "create, change, cancel and retry tasks" in page


def test_who_has_allowed_it_is_not_asked_again(web, browser, application):
    asked = asked_by(application, scope="tasks:read tasks:write")
    first = exchange(web, application, led(decide(browser, asked))["code"]).json()
    assert "code" in led(ask(browser, asked))
    assert "code" in led(ask(browser, asked | {"scope": "tasks:read"}))
    assert ask(browser, asked | {"scope": "tasks:read monitoring:read"}).status_code == 200
    web.post(
        "/auth/oauth2/revoke",
        data={
            "token": first["refresh_token"],
            "client_id": application["id"],
            "client_secret": application["client_secret"],
        },
    )
    assert ask(browser, asked).status_code == 200


@pytest.mark.parametrize("what", ["known", "lacking"])
def test_after_signing_in_a_page_leads_on(web, browser, application, what):
    asked = asked_by(application)
    if what == "known":
        exchange(web, application, led(decide(browser, asked))["code"])
    else:
        asked["scope"] = "webhooks:manage"
    answer = ask(browser, asked | {"after_sign_in": "1"})
    # The sign-in's policy, form-action 'self', would stop a redirect to another site.
    assert (answer.status_code, answer.headers.get("Location")) == (200, None)
    assert answer.headers["Refresh"].startswith(f"0; url={CALLBACK}?")
    assert str(escape(answer.headers["Refresh"].partition("url=")[2])) in answer.text
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert ask(browser, asked).status_code == 303


def test_another_person_is_asked(app, web, browser, new_user, application):
    asked = asked_by(application)
    exchange(web, application, led(decide(browser, asked))["code"])
    other = Browser(app.test_client(), new_user("developer", email="other@example.com"))
    assert ask(other, asked).status_code == 200


# Forged and hostile.


def test_forged_decisions(app, browser, new_user, application):
    asked = asked_by(application)
    other = Browser(app.test_client(), new_user("developer", email="other@example.com"))
    for token in ("", "x", other.person.csrf_token):
        answer = decide(browser, asked, csrf_token=token)
        assert answer.status_code == 403
        assert "Location" not in answer.headers
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert decide(browser, asked, headers=headers).status_code == 403
    assert rows(Grant) == []


def test_a_decision_of_nobody(stranger, application):
    answer = decide(stranger, asked_by(application))
    assert answer.status_code == 401
    assert rows(Grant) == []


def test_a_person_who_is_shut_out_while_he_decides(browser, application, user):
    with ThreadPoolExecutor(1) as threads:
        with transaction() as connection:
            shut_out.disable(connection, TESTS, user.id)
            decided = threads.submit(decide, browser, asked_by(application))
            wait_until_it_waits(decided)
            assert not decided.done()
        assert decided.result(timeout=20).status_code == 401
    assert rows(Grant) == []


def test_no_credential_but_a_session_decides(stranger, application, new_key):
    headers = bearer(new_key("admin")["key"])
    answer = stranger.client.post(
        f"{AUTHORIZE}?{urlencode(asked_by(application))}",
        data={"decision": "allow"},
        headers=headers,
    )
    assert answer.status_code == 401
    assert rows(Grant) == []


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "\"'><img src=x onerror=alert(1)>",
        "{{ 7 * 7 }}",
        "</strong></h1><button>Allow</button>",
    ],
)
def test_an_application_that_is_called_something_odd(browser, new_application, name):
    page = ask(browser, asked_by(new_application(name=name))).text
    assert str(escape(name)) in page
    assert name not in page or name == "{{ 7 * 7 }}"
    assert page.count('value="allow"') == 1


@pytest.mark.parametrize(
    "name", ["", " ", "a\u202eb", "a\u200bb", "a\x00b", "a\nb", "x" * 101, " a"]
)
def test_names_that_could_deceive(new_application, name):
    from kyros_worker.errors import InvalidError

    with pytest.raises(InvalidError):
        new_application(name=name)


def test_an_application_that_was_deleted_meanwhile(browser, application):
    asked = asked_by(application)
    assert ask(browser, asked).status_code == 200
    with transaction() as connection:
        applications.delete(connection, TESTS, application["id"])
    is_told_here(decide(browser, asked))


@pytest.mark.parametrize("method", ["put", "delete", "patch", "options"])
def test_other_methods(browser, method):
    assert getattr(browser.client, method)(AUTHORIZE).status_code == 405


@pytest.mark.parametrize(
    "query", ["x=%ff", "client_id=%00", "%", "&&&=", "client_id[]=1", "%ED%A0%80"]
)
def test_a_query_that_is_none(browser, query):
    answer = browser.client.get(f"{AUTHORIZE}?{query}")
    assert answer.status_code in (400, 422)
    assert answer.content_type.startswith("text/html")


NAMES = st.sampled_from(
    ["response_type", "client_id", "redirect_uri", "scope", "state", "response_mode",
     "code_challenge", "code_challenge_method", "prompt", "decision"]
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(fields=st.dictionaries(NAMES, st.text()), right=st.booleans(), signed=st.booleans())
def test_garbage_never_fails(browser, app, application, fields, right, signed):
    asked = {**asked_by(application), **fields} if right else fields
    query = quote(urlencode(asked, errors="surrogatepass"), safe="=&%+")
    client = browser.client if signed else app.test_client()
    for answer in (
        client.get(f"{AUTHORIZE}?{query}"),
        client.post(
            f"{AUTHORIZE}?{query}",
            data={"decision": "allow", "csrf_token": browser.person.csrf_token},
        ),
    ):
        assert answer.status_code in (200, 303, 400, 401, 403, 422), answer.text
        to = answer.headers.get("Location", "")
        assert to == "" or unquote(to).startswith((CALLBACK, "/sign-in"))
