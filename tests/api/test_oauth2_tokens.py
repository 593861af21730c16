"""The token endpoints with real peers and with hostile ones."""

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256

import httpx
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oauthlib.oauth2 import BackendApplicationClient, LegacyApplicationClient, WebApplicationClient
from sqlalchemy import func, update

from api import client_address, oauth2, windows
from kyros_worker.auth import remembered
from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.errors import UnauthenticatedError
from kyros_worker.oauth2 import access, applications, grants, secret, tokens
from kyros_worker.oauth2.access import authenticate_access_token
from kyros_worker.oauth2.scope import DEFAULT
from kyros_worker.oauth2.tables import Code, Grant, Token
from kyros_worker.settings import current
from kyros_worker.user.tables import User
from tests.applications import CALLBACK, TESTS, code_for, rows
from tests.people import PASSWORD, audit_entries

TOKEN, GUIDE, REVOKE = "/auth/oauth2/token", "/auth/oauth2/callback", "/auth/oauth2/revoke"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@pytest.fixture(autouse=True)
def no_failures(redis_url):
    """No sign-in has failed from here yet."""
    store = redis.from_url(redis_url)
    if found := list(store.scan_iter("*failed-sign-in*")):
        store.delete(*found)


@pytest.fixture
def web(server):
    with httpx.Client(base_url=f"http://{server[0]}:{server[1]}") as client:
        yield client


@pytest.fixture
def still(app, monkeypatch):
    """As `web`, in this process, where no quarter of an hour turns in the midst of a test."""
    monkeypatch.setattr(windows, "time", lambda: 1e9)
    here = httpx.WSGITransport(app)
    with httpx.Client(transport=here, base_url="http://localhost") as client:
        yield client


@pytest.fixture
def application(new_application):
    return new_application()


@pytest.fixture
def user(new_user):
    return new_user("developer")


def credentials(application):
    return {"client_id": application["id"], "client_secret": application["client_secret"]}


def exchange(web, application, code, path=TOKEN, **fields):
    wanted = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    body = {**wanted, **credentials(application), **fields}
    return web.post(path, data={name: text for name, text in body.items() if text is not None})


def refresh(web, application, token, **fields):
    body = {"grant_type": "refresh_token", "refresh_token": token, **credentials(application)}
    return web.post(TOKEN, data={**body, **fields})


def given_tokens(web, application, user, permissions=DEFAULT):
    answer = exchange(web, application, code_for(application, user, permissions))
    assert answer.status_code == 200, answer.text
    return answer.json()


def is_bare(answer, status, error):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    body = answer.json()
    assert body["error"] == error, body
    assert set(body) <= {"error", "error_description"}
    assert ("www-authenticate" in answer.headers) == (status == 401)


def refused(token):
    access.forget()
    try:
        authenticate_access_token(token)
    except UnauthenticatedError:
        return True
    return False


def actions():
    known = {row.id for row in rows(Grant)}
    return [entry["action"] for entry in audit_entries() if entry["target"] in known]


@pytest.mark.parametrize("path", [TOKEN, GUIDE])
def test_a_code_gives_tokens(web, application, user, path):
    answer = exchange(web, application, code_for(application, user), path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    body = answer.json()
    assert body.pop("access_token").startswith("kyros_at_")
    assert body.pop("refresh_token").startswith("kyros_rt_")
    assert body == {"token_type": "Bearer", "expires_in": 3600, "scope": " ".join(DEFAULT)}


def test_who_calls_with_a_token(web, application, user):
    token = given_tokens(web, application, user)["access_token"]
    subject = authenticate_access_token(token)
    assert (subject.id, subject.via, subject.kind) == (user.id, application["id"], "oauth2")
    assert subject.permissions == set(DEFAULT)


def test_nothing_is_kept_plain(web, application, user):
    code = code_for(application, user)
    body = exchange(web, application, code).json()
    kept = str([rows(table) for table in (Code, Token, Grant, applications.Application)])
    for plain in (code, body["access_token"], body["refresh_token"], application["client_secret"]):
        assert plain not in kept
        assert secret.digest(plain) in kept


def test_a_token_can_do_what_its_person_may_now(web, application, user):
    token = given_tokens(web, application, user)["access_token"]
    with transaction() as connection:
        connection.execute(update(User).values(role="viewer"))
    access.forget()
    assert authenticate_access_token(token).permissions == {"tasks:read", "monitoring:read"}
    with transaction() as connection:
        applications.change(connection, TESTS, application["id"], permissions=["tasks:read"])
    access.forget()
    assert authenticate_access_token(token).permissions == {"tasks:read"}


def test_what_is_remembered_ends_with_the_token(web, application, user, monkeypatch):
    token = given_tokens(web, application, user)["access_token"]
    authenticate_access_token(token)
    later = now() + timedelta(hours=1, seconds=1)
    monkeypatch.setattr(remembered, "now", lambda: later)
    with pytest.raises(UnauthenticatedError):
        authenticate_access_token(token)


@pytest.mark.parametrize("end", ["user", "application", "grant", "itself", "garbage", "refresh"])
def test_what_ends_a_token(web, application, user, end):
    body = given_tokens(web, application, user)
    token = body["access_token"]
    with transaction() as connection:
        if end == "user":
            connection.execute(update(User).values(disabled_at=func.now()))
        elif end == "application":
            applications.delete(connection, TESTS, application["id"])
        elif end == "grant":
            grants.revoke_own(connection, TESTS, user.id, rows(Grant)[0].id)
    if end == "itself":
        answer = web.post(REVOKE, data={"token": token, **credentials(application)})
        assert (answer.status_code, answer.json()) == (200, {})
    token = {"garbage": token[:-1], "refresh": body["refresh_token"]}.get(end, token)
    assert refused(token)
    answer = refresh(web, application, body["refresh_token"])
    if end == "application":
        is_bare(answer, 400, "invalid_client")
    elif end in ("user", "grant"):
        is_bare(answer, 400, "invalid_grant")
    else:
        assert answer.status_code == 200


# Codes.


def test_a_code_that_is_used_again_ends_what_it_gave(web, application, user):
    code = code_for(application, user)
    body = exchange(web, application, code).json()
    is_bare(exchange(web, application, code), 400, "invalid_grant")
    assert refused(body["access_token"])
    is_bare(refresh(web, application, body["refresh_token"]), 400, "invalid_grant")
    assert actions()[0] == "oauth2_grant.reuse"


def test_of_many_at_once_one_code_gives_tokens_once(web, application, user):
    code = code_for(application, user)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: exchange(web, application, code), range(6)))
    won = [one.json() for one in answers if one.status_code == 200]
    assert len(won) == 1
    assert len(rows(Token)) == 2
    assert refused(won[0]["access_token"])
    assert actions().count("oauth2_grant.reuse") == 1


def test_a_code_of_another_client(web, new_application, application, user):
    code, other = code_for(application, user), new_application(name="Other")
    is_bare(exchange(web, other, code), 400, "invalid_grant")
    # It was not burnt by it.
    assert exchange(web, application, code).status_code == 200
    assert "oauth2_grant.reuse" not in actions()


def test_a_code_that_is_too_old(web, application, user):
    code = code_for(application, user)
    with transaction() as connection:
        connection.execute(update(Code).values(expires_at=func.now()))
    is_bare(exchange(web, application, code), 400, "invalid_grant")


@pytest.mark.parametrize("uri", [None, CALLBACK + "/", CALLBACK.upper(), "https://evil.example/"])
def test_a_code_is_bound_to_its_redirect_uri(web, application, user, uri):
    answer = exchange(web, application, code_for(application, user), redirect_uri=uri)
    is_bare(answer, 400, "invalid_grant")


def test_a_code_without_redirect_uri(web, application, user):
    code = code_for(application, user, redirect_uri=None)
    assert exchange(web, application, code, redirect_uri=None).status_code == 200


@pytest.mark.parametrize("change", [{"code": None}, {"code": ""}, {"grant_type": None}])
def test_what_is_missing(web, application, user, change):
    code = code_for(application, user)
    is_bare(exchange(web, application, **{"code": code, **change}), 400, "invalid_request")


# PKCE.


@pytest.mark.parametrize("public", [True, False])
@pytest.mark.parametrize(
    ("challenge", "verifier", "status"),
    [
        (CHALLENGE, VERIFIER, 200),
        (CHALLENGE, None, 400),
        (CHALLENGE, "w" * 43, 400),
        (CHALLENGE, "v" * 42, 400),
        (CHALLENGE, "v" * 129, 400),
        (CHALLENGE, VERIFIER + "\n", 400),
        (CHALLENGE, "é" * 43, 400),
        (CHALLENGE, CHALLENGE, 400),
        (None, VERIFIER, 400),
    ],
)
def test_pkce(web, new_application, user, public, challenge, verifier, status):
    application = new_application(public=public)
    code = code_for(application, user, challenge=challenge)
    answer = exchange(web, application, code, code_verifier=verifier)
    assert answer.status_code == status
    if status != 200:
        assert answer.json()["error"] in ("invalid_request", "invalid_grant")
        if challenge:
            assert exchange(web, application, code, code_verifier=VERIFIER).status_code == 200


def test_a_public_application_never_goes_without(web, new_application, user):
    application = new_application(public=True)
    code = code_for(application, user)
    is_bare(exchange(web, application, code), 400, "invalid_request")


# Refresh tokens.


def test_refreshing(web, application, user):
    first = given_tokens(web, application, user)
    second = refresh(web, application, first["refresh_token"]).json()
    assert second["scope"] == first["scope"]
    assert second["refresh_token"] != first["refresh_token"]
    assert not refused(first["access_token"])
    assert not refused(second["access_token"])


def test_a_refresh_token_that_is_used_again_ends_the_grant(web, application, user):
    first = given_tokens(web, application, user)
    second = refresh(web, application, first["refresh_token"]).json()
    is_bare(refresh(web, application, first["refresh_token"]), 400, "invalid_grant")
    for body in (first, second):
        assert refused(body["access_token"])
        is_bare(refresh(web, application, body["refresh_token"]), 400, "invalid_grant")
    assert actions().count("oauth2_grant.reuse") == 1
    entry = audit_entries("oauth2_grant.reuse")[0]
    assert (entry["actor"], entry["address"]) == (application["id"], "127.0.0.1")
    assert entry["details"]["user"] == user.id


def test_other_grants_of_the_same_person_stay(web, application, user):
    first, other = (given_tokens(web, application, user) for _ in range(2))
    refresh(web, application, first["refresh_token"])
    refresh(web, application, first["refresh_token"])
    assert refused(first["access_token"])
    assert not refused(other["access_token"])


def test_of_many_refreshes_at_once_one_wins(web, application, user):
    token = given_tokens(web, application, user)["refresh_token"]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: refresh(web, application, token), range(6)))
    assert sorted(one.status_code for one in answers) == [200, 400, 400, 400, 400, 400]
    assert len(rows(Token)) == 4


def test_the_loser_of_two_at_once_ends_nothing(web, application, user):
    token = given_tokens(web, application, user)["refresh_token"]
    with read() as connection:
        began = tokens.time_of_database(connection)
    won = refresh(web, application, token).json()
    with transaction() as connection:
        found = tokens.find_token(connection, token)
        assert tokens.refresh(connection, TESTS, found, None, began) is None
    assert not refused(won["access_token"])
    with transaction() as connection:
        later = tokens.time_of_database(connection)
        assert tokens.refresh(connection, TESTS, found, None, later) is None
    assert refused(won["access_token"])


@pytest.mark.parametrize("minutes", [-1, 1])
def test_the_clock_of_a_host_that_goes_wrong_decides_nothing(
    client, application, user, monkeypatch, minutes
):
    """Neither does a reuse count as two at once, nor the loser of two at once as a thief."""
    with transaction() as connection:
        found = tokens.find_code(connection, application["id"], code_for(application, user))
        first = tokens.exchange_code(connection, TESTS, found)
    monkeypatch.setattr(tokens, "now", lambda: now() + timedelta(minutes=minutes))
    found_first = read_token(first.refresh_token)
    with transaction() as connection:
        began = tokens.time_of_database(connection)
        assert tokens.refresh(connection, TESTS, found_first, None, began)
    with transaction() as connection:
        assert tokens.refresh(connection, TESTS, found_first, None, began) is None
    assert rows(Grant)[0].revoked_at is None
    form = {"grant_type": "refresh_token", "refresh_token": first.refresh_token}
    assert client.post(TOKEN, data=form | credentials(application)).status_code == 400
    assert rows(Grant)[0].revoked_at is not None


def read_token(token):
    with read() as connection:
        return tokens.find_token(connection, token)


def test_thirty_days_from_the_last_use(web, application, user):
    token = given_tokens(web, application, user)["refresh_token"]
    with transaction() as connection:
        connection.execute(update(Token).values(expires_at=func.now() + timedelta(seconds=60)))
    refresh(web, application, token)
    newest = max(row.expires_at for row in rows(Token, kind="refresh"))
    created = max(row.created_at for row in rows(Token, kind="refresh"))
    assert newest - created == timedelta(days=30)
    with transaction() as connection:
        connection.execute(update(Token).values(expires_at=func.now()))
    is_bare(refresh(web, application, token), 400, "invalid_grant")


@pytest.mark.parametrize(
    ("scope", "given"),
    [
        ("tasks:read", "tasks:read"),
        ("", " ".join(DEFAULT)),
        ("webhooks:manage", None),
        ("tasks:read admin", None),
        ("nothing", None),
    ],
)
def test_scope_of_a_refresh(web, application, user, scope, given):
    first = given_tokens(web, application, user)
    answer = refresh(web, application, first["refresh_token"], scope=scope)
    if given is None:
        is_bare(answer, 400, "invalid_scope")
        # Nothing was used up by it.
        assert refresh(web, application, first["refresh_token"]).status_code == 200
        return
    assert answer.json()["scope"] == given
    # The next one is worth as much as the first (RFC 6749, section 6).
    again = refresh(web, application, answer.json()["refresh_token"]).json()
    assert again["scope"] == " ".join(DEFAULT)


def test_admin_holds_every_other_permission(web, new_application, new_user):
    application = new_application(permissions=["admin"])
    boss = new_user("admin", email="boss@example.com")
    first = given_tokens(web, application, boss, ["admin"])
    assert first["scope"] == "admin"
    answer = refresh(web, application, first["refresh_token"], scope="webhooks:manage")
    assert answer.json()["scope"] == "webhooks:manage"
    with transaction() as connection:
        connection.execute(update(User).values(role="viewer"))
    answer = refresh(web, application, answer.json()["refresh_token"])
    assert answer.json()["scope"] == "tasks:read monitoring:read"


def test_a_refresh_token_of_another_client(web, new_application, application, user):
    token = given_tokens(web, application, user)["refresh_token"]
    other = new_application(name="Other")
    is_bare(refresh(web, other, token), 400, "invalid_grant")
    assert refresh(web, application, token).status_code == 200


def test_an_access_token_refreshes_nothing(web, application, user):
    token = given_tokens(web, application, user)["access_token"]
    is_bare(refresh(web, application, token), 400, "invalid_grant")


# Applications for themselves.


def test_client_credentials(web, new_application):
    application = new_application(acts_for_itself=True, redirect_uris=[])
    for _ in range(2):
        body = web.post(
            TOKEN, data={"grant_type": "client_credentials", **credentials(application)}
        ).json()
        assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
        assert body["scope"] == " ".join(DEFAULT)
    assert len(rows(Grant)) == 1
    subject = authenticate_access_token(body["access_token"])
    assert (subject.id, subject.via, subject.kind) == (application["id"], None, "oauth2")
    with transaction() as connection:
        applications.change(
            connection, TESTS, application["id"], acts_for_itself=False, redirect_uris=[CALLBACK]
        )
    assert refused(body["access_token"])


@pytest.mark.parametrize(
    ("fields", "scope", "error"),
    [
        ({}, None, "unauthorized_client"),
        ({"public": True}, None, "invalid_client"),
        ({"acts_for_itself": True}, "admin", "invalid_scope"),
        ({"acts_for_itself": True}, "nothing", "invalid_scope"),
        ({"acts_for_itself": True, "permissions": ["webhooks:manage"]}, None, "invalid_scope"),
    ],
)
def test_refused_client_credentials(web, new_application, fields, scope, error):
    application = new_application(**fields)
    body = {"grant_type": "client_credentials", **credentials(application), "scope": scope}
    answer = web.post(TOKEN, data={name: text for name, text in body.items() if text})
    is_bare(answer, 400, error)


# Who the client is.


def basic(client_id, client_secret):
    pair = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def test_basic(web, application, user):
    body = {"grant_type": "authorization_code", "redirect_uri": CALLBACK}
    headers = basic(application["id"], application["client_secret"])
    for more in ({}, {"client_id": application["id"]}):
        code = code_for(application, user)
        answer = web.post(TOKEN, data={**body, "code": code, **more}, headers=headers)
        assert answer.status_code == 200


WRONG = {
    "wrong": lambda _: "kyros_cs_" + "x" * 43,
    "truncated": lambda secret: secret[:-1],
    "longer": lambda secret: secret + "x",
    "upper": lambda secret: secret.upper(),
    "the hash": secret.digest,
    "blank": lambda _: "",
    "space": lambda secret: secret + " ",
    "not ASCII": lambda _: "é",
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("method", ["basic", "post"])
@pytest.mark.parametrize("path", [TOKEN, GUIDE, REVOKE])
def test_a_wrong_secret(web, application, user, wrong, method, path):
    code = code_for(application, user)
    body = {
        "grant_type": "authorization_code",
        "redirect_uri": CALLBACK,
        "code": code,
        "token": "x",
    }
    guess, headers = WRONG[wrong](application["client_secret"]), {}
    if method == "basic":
        headers = basic(application["id"], guess)
    else:
        body |= {"client_id": application["id"], "client_secret": guess}
    answer = web.post(path, data=body, headers=headers)
    is_bare(answer, 401 if method == "basic" else 400, "invalid_client")
    assert exchange(web, application, code).status_code == 200


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Basic", 401),
        ("Basic !!!", 401),
        ("Basic é", 401),
        ("Basic " + base64.b64encode(b"\xff\xfe:x").decode(), 401),
        ("Basic " + base64.b64encode(b"no colon").decode(), 401),
        ("Basic " + base64.b64encode(b"oac_\x00:x").decode(), 401),
        ("Basic " + base64.b64encode(b"%ff:x").decode(), 401),
        ("Bearer kyros_at_x", 401),
        ("Digest username=x", 401),
        ("", 401),
    ],
)
@pytest.mark.parametrize("path", [TOKEN, REVOKE])
def test_a_broken_header(web, application, header, status, path):
    body = {"grant_type": "client_credentials", "token": "x"}
    answer = web.post(path, data=body, headers={"Authorization": header.encode("latin-1")})
    is_bare(answer, status, "invalid_client")


def test_two_ways_at_once(web, new_application, application):
    other = new_application(name="Other")
    header = basic(application["id"], application["client_secret"])
    body = {"grant_type": "client_credentials", "token": "x"}
    for path in (TOKEN, REVOKE):
        for more in (credentials(application), credentials(other), {"client_id": other["id"]}):
            is_bare(web.post(path, data=body | more, headers=header), 400, "invalid_request")


def test_a_public_application_has_no_secret_to_guess(web, new_application, user):
    application = new_application(public=True)
    assert application["client_secret"] is None
    for guess in ("x", "None", "null"):
        code = code_for(application, user, challenge=CHALLENGE)
        answer = exchange(web, application, code, client_secret=guess, code_verifier=VERIFIER)
        is_bare(answer, 400, "invalid_client")


def test_a_confidential_application_needs_its_secret(web, application, user):
    code = code_for(application, user, challenge=CHALLENGE)
    answer = exchange(web, application, code, client_secret=None, code_verifier=VERIFIER)
    is_bare(answer, 400, "invalid_client")


def test_a_new_secret(web, application, user):
    with transaction() as connection:
        rotated = applications.rotate_secret(connection, TESTS, application["id"])
    code = code_for(application, user)
    is_bare(exchange(web, application, code), 400, "invalid_client")
    assert exchange(web, rotated, code).status_code == 200


def test_who_guesses_has_to_wait(still, application, user):
    code = code_for(application, user)
    for _ in range(20):
        is_bare(exchange(still, application, code, client_secret="x"), 400, "invalid_client")
    answer = exchange(still, application, code)
    is_bare(answer, 429, "temporarily_unavailable")
    assert int(answer.headers["retry-after"]) > 0


def test_ids_that_are_none_wait_together(still, new_application, user):
    application = new_application()
    guesses = [{"client_id": f"oac_{number}", "client_secret": "x"} for number in range(21)]
    answers = [exchange(still, application, "x", **guess) for guess in guesses]
    assert [one.status_code for one in answers] == [400] * 20 + [429]
    assert exchange(still, application, code_for(application, user)).status_code == 200


def test_a_program_with_an_old_secret_keeps_nobody_else_out(still, new_application, user):
    stale, other = new_application(), new_application(name="Other")
    for _ in range(20):
        is_bare(exchange(still, stale, "x", client_secret="x"), 400, "invalid_client")
    assert exchange(still, stale, "x").status_code == 429
    assert exchange(still, other, code_for(other, user)).status_code == 200
    form = {"email": user.email, "password": PASSWORD}
    assert still.post("/sign-in", data=form).status_code == 303


# Revocation.


def test_revoking_a_refresh_token_ends_the_grant(web, application, user):
    body = given_tokens(web, application, user)
    for _ in range(2):
        answer = web.post(REVOKE, data={"token": body["refresh_token"], **credentials(application)})
        assert (answer.status_code, answer.json()) == (200, {})
    assert refused(body["access_token"])
    assert actions()[0] == "oauth2_grant.revoke"


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense", ""])
def test_a_hint_changes_nothing(web, application, user, hint):
    body = given_tokens(web, application, user)
    fields = {"token": body["access_token"], "token_type_hint": hint, **credentials(application)}
    assert web.post(REVOKE, data=fields).status_code == 200
    assert refused(body["access_token"])
    assert refresh(web, application, body["refresh_token"]).status_code == 200


def test_revoking_an_access_token_is_written_down_once(web, application, user):
    body = given_tokens(web, application, user)
    for _ in range(2):
        web.post(REVOKE, data={"token": body["access_token"], **credentials(application)})
    assert actions().count("oauth2_token.revoke") == 1
    entry = audit_entries("oauth2_token.revoke")[0]
    assert (entry["actor"], entry["target"]) == (application["id"], rows(Grant)[0].id)
    assert entry["details"] == {"application": application["id"]}


def test_revoking_what_is_not_ours(web, new_application, application, user):
    other, body = new_application(name="Other"), given_tokens(web, application, user)
    for token in (body["access_token"], body["refresh_token"]):
        answer = web.post(REVOKE, data={"token": token, **credentials(other)})
        is_bare(answer, 400, "invalid_grant")
    assert web.post(REVOKE, data={"token": "x", **credentials(other)}).status_code == 200
    is_bare(web.post(REVOKE, data=credentials(other)), 400, "invalid_request")
    assert not refused(body["access_token"])


def test_a_public_application_revokes(web, new_application, user):
    application = new_application(public=True)
    code = code_for(application, user, challenge=CHALLENGE)
    body = exchange(web, application, code, code_verifier=VERIFIER).json()
    fields = {"token": body["access_token"], "client_id": application["id"]}
    assert web.post(REVOKE, data=fields).status_code == 200
    assert refused(body["access_token"])


# Other libraries.


def test_oauthlib(web, application, user):
    peer = WebApplicationClient(application["id"])
    code = code_for(application, user)
    url = f"{CALLBACK}?code={code}&state=s"
    assert peer.parse_request_uri_response(url, state="s")["code"] == code
    body = peer.prepare_request_body(
        code=code, redirect_uri=CALLBACK, client_secret=application["client_secret"]
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = web.post(TOKEN, content=body, headers=headers)
    assert peer.parse_request_body_response(answer.text)["scope"] == list(DEFAULT)
    first = peer.access_token
    body = peer.prepare_refresh_body(
        client_id=peer.client_id, client_secret=application["client_secret"]
    )
    answer = web.post(TOKEN, content=body, headers=headers)
    assert peer.parse_request_body_response(answer.text)["access_token"] != first
    assert not refused(peer.access_token)


def test_oauthlib_for_itself(web, new_application):
    application = new_application(acts_for_itself=True)
    peer = BackendApplicationClient(application["id"])
    body = peer.prepare_request_body(scope="tasks:read")
    answer = web.post(
        TOKEN,
        content=body,
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            **basic(application["id"], application["client_secret"]),
        },
    )
    assert peer.parse_request_body_response(answer.text)["scope"] == ["tasks:read"]


def test_oauthlib_with_a_password(web, application):
    peer = LegacyApplicationClient(application["id"])
    body = peer.prepare_request_body(
        "jo@example.com", "four plain words here", include_client_id=True
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    is_bare(web.post(TOKEN, content=body, headers=headers), 400, "unsupported_grant_type")


# Whatever is sent.


@pytest.mark.parametrize("path", [TOKEN, GUIDE, REVOKE, TOKEN + "/"])
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"method": "GET"}, 405),
        ({"method": "PUT"}, 405),
        ({"method": "DELETE"}, 405),
        ({"json": {"grant_type": "client_credentials"}}, 415),
        ({"content": "x", "headers": {"Content-Type": "text/plain"}}, 415),
        ({"files": {"grant_type": b"x"}}, 415),
        ({"content": "grant_type=a&grant_type=b"}, 400),
        ({"content": b"grant_type=\xff"}, 400),
        ({"content": "grant_type=%ff"}, 400),
        ({"content": "grant_type=%00"}, 400),
        ({"content": "grant_type=%ED%A0%80"}, 400),
        ({"content": "&".join(f"a{i}=1" for i in range(3000))}, 400),
        ({"content": "a=" + "x" * 3_000_000}, 413),
        ({"content": ""}, 400),
        ({"content": 'grant_type="é'}, 400),
        ({"content": "", "params": {"grant_type": "client_credentials"}}, 400),
        ({"content": "", "params": b"x=%ff"}, 400),
    ],
)  # fmt: skip
def test_every_fault_is_bare(web, path, request_, status):
    wanted = {"method": "POST", **request_}
    wanted["headers"] = {"Accept": "text/html", **wanted.get("headers", {})}
    if "content" in wanted:
        wanted["headers"].setdefault("Content-Type", "application/x-www-form-urlencoded")
    answer = web.request(url=path, **wanted)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert set(answer.json()) == {"error", "error_description"}


def test_without_a_database(client, monkeypatch):
    from sqlalchemy.exc import OperationalError

    def away():
        raise OperationalError("", {}, Exception("away"))

    monkeypatch.setattr("api.oauth2_client.read", away)
    answer = client.post(TOKEN, data={"grant_type": "refresh_token", "client_id": "oac_1"})
    assert (answer.status_code, answer.json["error"]) == (503, "temporarily_unavailable")
    assert answer.headers["Retry-After"]


NAMES = st.sampled_from(
    ["grant_type", "code", "redirect_uri", "client_id", "client_secret", "code_verifier", "scope",
     "refresh_token", "token", "token_type_hint"]
)  # fmt: skip
GRANTS = st.sampled_from(["authorization_code", "refresh_token", "client_credentials", "password"])


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(fields=st.dictionaries(NAMES, st.text() | GRANTS), grant=GRANTS | st.none(), data=st.data())
def test_garbage_is_a_400(client, application, monkeypatch, fields, grant, data):
    monkeypatch.setattr("api.oauth2_client.refuse_failed_sign_ins", lambda _: None)
    if grant:
        fields = {"grant_type": grant, **fields}
    if data.draw(st.booleans()):
        fields |= credentials(application)
    headers = {}
    if data.draw(st.booleans()):
        headers["Authorization"] = data.draw(st.text(st.characters(max_codepoint=255)))
        headers["Authorization"] = headers["Authorization"].translate({10: None, 13: None})
    for path in (TOKEN, REVOKE):
        answer = client.post(path, data=fields, headers=headers)
        assert answer.status_code in (200, 400, 401), answer.text
        assert answer.json is not None
        if answer.status_code != 200:
            assert set(answer.json) <= {"error", "error_description"}


def test_metadata(web):
    answer = web.get("/.well-known/oauth-authorization-server").json()
    from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

    at = str(web.base_url).rstrip("/")
    assert answer["issuer"] == at
    assert answer["token_endpoint"] == at + TOKEN
    assert answer["code_challenge_methods_supported"] == ["S256"]
    checked = AuthorizationServerMetadata(answer)
    for name in checked.REGISTRY_KEYS:
        if name not in ("issuer", "jwks_uri"):
            getattr(checked, f"validate_{name}")()


def test_metadata_behind_a_proxy_that_ends_tls(client, monkeypatch):
    told = current().model_copy(update={"trusted_proxies": "127.0.0.1", "public_url": None})
    for module in (client_address, oauth2):
        monkeypatch.setattr(module, "current", lambda: told)
    headers = {"X-Forwarded-Proto": "https", "Host": "kyros.example"}
    answer = client.get("/.well-known/oauth-authorization-server", headers=headers)
    assert answer.json["issuer"] == "https://kyros.example"
