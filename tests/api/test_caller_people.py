"""Who is calling when it is a person: the cookies of sessions, JWTs, and the mode they choose."""

import socket
import time

import jwt
import pytest
from flask import Flask, jsonify, request

from api import caller, errors, session_cookie
from kyros_worker.clock import now
from kyros_worker.settings import current
from kyros_worker.user.session import authenticate_session
from kyros_worker.user.tables import User
from tests.credentials import bearer
from tests.factories import change
from tests.live_models import configured, on
from tests.people import new_user, no_users, password_hash, session_of, signed_in

__all__ = ["new_user", "no_users", "password_hash", "signed_in"]

PLAIN, SECURE = "kyros_session", "__Host-kyros_session"


@pytest.fixture
def who(schema):
    """A client of an app that only says who calls."""
    app = Flask("who")
    caller.register(app)
    errors.register(app)

    @app.route("/who", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    @caller.requires("tasks:read")
    def tell():
        subject = caller.caller()
        return jsonify(id=subject.id, kind=subject.kind, mode=subject.mode)

    @app.get("/person")
    @caller.requires()
    def person():
        return jsonify(email=caller.signed_in().email, actor=caller.actor().id)

    @app.get("/cookie")
    @caller.open_to_all
    def cookie():
        answer = jsonify()
        (session_cookie.drop_cookie if "drop" in request.args else keep)(answer)
        return answer

    def keep(answer):
        session_cookie.put_cookie(answer, "the-cookie")

    return app.test_client(use_cookies=False)


def token(**claims):
    payload = {"user_id": "user_123", "roles": ["developer"], "exp": time.time() + 60, **claims}
    return jwt.encode(payload, current().jwt_secrets[0], algorithm="HS256")


def cookie(value, name=PLAIN, **headers):
    return {"Cookie": f"{name}={value}", **headers}


def test_a_session(who, signed_in):
    value, person = signed_in()
    answer = who.get("/who", headers=cookie(value))
    assert answer.json == {"id": person.user_id, "kind": "session", "mode": "test"}
    answer = who.get("/person", headers=cookie(value))
    assert answer.json == {"email": person.email, "actor": person.user_id}
    assert who.head("/who", headers=cookie(value)).status_code == 200


def test_it_may_do_what_its_role_may(who, signed_in):
    value, person = signed_in("viewer")
    assert who.get("/who", headers=cookie(value)).status_code == 200
    change(User, person.user_id, role="nothing")
    assert who.get("/who", headers=cookie(value)).status_code == 403
    change(User, person.user_id, disabled_at=now())
    assert who.get("/who", headers=cookie(value)).status_code == 401


@pytest.mark.parametrize("value", ["", "x", "A" * 43, "%00", "\xff" * 43, "a.b.c", "kyros_test_x"])
def test_a_cookie_of_another_deployment(who, no_users, value):
    answer = who.get("/who", headers=cookie(value))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="kyros"'
    assert answer.json["error"] == "The session has ended. Sign in again."


def test_a_header_goes_before_the_cookie(who, signed_in, new_key):
    value, _ = signed_in()
    for wrong in ("", "Bearer", "Bearer x", "Basic eDp5", "Bearer kyros_test_unknown"):
        answer = who.get("/who", headers={"Authorization": wrong, **cookie(value)})
        assert answer.status_code == 401, wrong
    key = new_key("tasks:read")
    answer = who.post("/who", headers={**bearer(key["key"]), **cookie(value)})
    assert answer.json["id"] == key["id"]
    answer = who.get("/person", headers={**bearer(key["key"]), **cookie(value)})
    assert (answer.status_code, answer.json["error"]) == (
        401,
        "This is for people who have signed in.",
    )


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_changes_need_the_sessions_own_token(who, signed_in, method):
    value, person = signed_in()
    other, another = session_of(person.user_id), session_of(person.user_id)
    tokens = ["", "x", "é" * 64, person.csrf_token[:-1], person.csrf_token.upper(), "null",
              authenticate_session(other).csrf_token, another, value, None]  # fmt: skip
    for wrong in tokens:
        headers = cookie(value) if wrong is None else cookie(value, **{"X-CSRF-Token": wrong})
        answer = who.open("/who", method=method, headers=headers)
        assert (answer.status_code, answer.json["code"]) == (403, "csrf_failed"), wrong
    right = cookie(value, **{"X-CSRF-Token": person.csrf_token})
    assert who.open("/who", method=method, headers=right).status_code == 200


def test_a_form_carries_the_token_itself(who, signed_in):
    value, person = signed_in()
    right, wrong = {"csrf_token": person.csrf_token}, {"csrf_token": "x"}
    assert who.post("/who", data=right, headers=cookie(value)).status_code == 200
    assert who.post("/who", data=wrong, headers=cookie(value)).status_code == 403
    assert who.post("/who", data={}, headers=cookie(value)).status_code == 403
    assert who.post("/who", json=right, headers=cookie(value)).status_code == 403
    both = cookie(value, **{"X-CSRF-Token": "x"})
    assert who.post("/who", data=right, headers=both).status_code == 403


def test_a_csrf_token_is_no_cookie(who, signed_in):
    _, person = signed_in()
    assert who.get("/who", headers=cookie(person.csrf_token)).status_code == 401


def test_tls_has_a_cookie_of_its_own(who, signed_in):
    value, _ = signed_in()
    for url, name, status in [
        ("https://kyros.example", SECURE, 200), ("https://kyros.example", PLAIN, 401),
        ("http://kyros.example", SECURE, 401), ("http://kyros.example", PLAIN, 200),
    ]:  # fmt: skip
        answer = who.get("/who", base_url=url, headers=cookie(value, name))
        assert answer.status_code == status, (url, name)


@pytest.mark.parametrize(("url", "name"), [("http://x", PLAIN), ("https://x", SECURE)])
def test_how_browsers_keep_it(who, url, name):
    kept = who.get("/cookie", base_url=url).headers["Set-Cookie"].split("; ")
    assert kept[0] == f"{name}=the-cookie"
    assert {"HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=604800"} < set(kept)
    assert ("Secure" in kept) == (name == SECURE)
    assert not any(part.startswith("Domain") for part in kept)
    dropped = who.get("/cookie?drop", base_url=url).headers["Set-Cookie"].split("; ")
    assert dropped[0] == f"{name}="
    assert "Max-Age=0" in dropped


def test_behind_a_proxy_that_ends_tls(who, monkeypatch, signed_in):
    told = current().model_copy(update={"public_url": "https://kyros.example"})
    monkeypatch.setattr(session_cookie, "current", lambda: told)
    value, _ = signed_in()
    assert who.get("/who", headers=cookie(value, SECURE)).status_code == 200
    assert "Secure" in who.get("/cookie").headers["Set-Cookie"]


def test_a_jwt(who):
    answer = who.post("/who", headers=bearer(token()))
    assert answer.json == {"id": "user_123", "kind": "jwt", "mode": "test"}
    assert who.get("/who", headers=bearer(token(roles=[]))).status_code == 403
    for wrong in (token(exp=1), f"{token()}.x", token()[:-3], f"{token()},Bearer {token()}"):
        answer = who.get("/who", headers=bearer(wrong))
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
        assert answer.json["error"] == "The credential is not valid, has expired or was revoked."


def test_a_key_with_dots_is_a_key(who, new_key):
    made = new_key("tasks:read", key="kyros_test_" + "a.b.c" * 8)
    assert who.get("/who", headers=bearer(made["key"])).json["kind"] == "api_key"


@pytest.mark.parametrize("control", [*map(chr, range(0x20)), "\x7f"])
def test_control_characters(who, new_key, control):
    key = new_key("tasks:read")["key"]
    for header in (f"Bearer {key}{control}", f"Bearer {control}{key}", f"Bearer{control}{key}",
                   f"Bearer {key[:20]}{control}{key[20:]}", f"{control}Bearer {key}"):  # fmt: skip
        answer = who.get("/who", environ_overrides={"HTTP_AUTHORIZATION": header})
        assert answer.status_code == 401, header


def test_two_headers(server, new_key):
    first, second = new_key("admin")["key"], new_key("admin")["key"]
    for values in ([first, second], [first, first], [first, token()], [token(), token()]):
        with socket.create_connection(server) as connection:
            lines = "".join(f"Authorization: Bearer {value}\r\n" for value in values)
            request = f"GET /v1/api-keys HTTP/1.1\r\nHost: x\r\n{lines}Connection: close\r\n\r\n"
            connection.sendall(request.encode())
            assert connection.recv(20).split()[1] in (b"401", b"400")


@pytest.mark.parametrize(
    ("deployment", "kind", "asked", "found"),
    [
        ("live", "jwt", None, "live"), ("live", "jwt", "live", "live"),
        ("live", "jwt", "test", "test"), ("test", "jwt", None, "test"),
        ("test", "jwt", "test", "test"), ("test", "jwt", "live", 422),
        ("live", "session", None, "live"), ("live", "session", "test", "test"),
        ("test", "session", "live", 422), ("test", "session", None, "test"),
        ("live", "live key", None, "live"), ("live", "live key", "live", "live"),
        ("live", "live key", "test", 422), ("live", "test key", "live", 422),
        ("live", "test key", "test", "test"), ("test", "test key", "live", 422),
        ("live", "jwt", "", 422), ("live", "jwt", "Test", 422), ("live", "jwt", "test, test", 422),
        ("live", "session", "prod", 422), ("test", "test key", "x\x00", 422),
        ("test", "jwt", "é", 422),
    ],
)  # fmt: skip
def test_the_mode(who, new_key, signed_in, tmp_path, deployment, kind, asked, found):
    headers = {} if asked is None else {"X-Kyros-Mode": asked}
    if kind == "session":
        headers |= cookie(signed_in()[0])
    elif kind == "jwt":
        headers |= bearer(token())
    else:
        headers |= bearer(new_key("tasks:read", mode=kind.split()[0])["key"])
    if deployment == "live":
        with configured(tmp_path / "models.toml", on("http://127.0.0.1:9/v1")):
            answer = who.get("/who", headers=headers)
    else:
        answer = who.get("/who", headers=headers)
    if found == 422:
        assert answer.status_code == 422
        assert [one["field"] for one in answer.json["details"]] == ["X-Kyros-Mode"]
    else:
        assert answer.json["mode"] == found


def test_who_is_unknown_is_told_that_first(who, no_keys):
    headers = {"X-Kyros-Mode": "nonsense"}
    assert who.get("/who", headers=headers).status_code == 401
    assert who.get("/cookie", headers=headers).status_code == 200


def test_work_of_people(client, signed_in):
    """The whole API takes them: a session and a JWT see each other's work in their mode."""
    value, person = signed_in()
    client.set_cookie(PLAIN, value)
    headers = {"X-CSRF-Token": person.csrf_token}
    made = client.post("/v1/tasks", json={"title": "Add a login"}, headers=headers).json["data"]
    assert (made["created_by"], made["mode"]) == (person.user_id, "test")
    found = client.get(f"/v1/tasks/{made['id']}", headers=bearer(token(roles=["viewer"])))
    assert found.json["data"]["id"] == made["id"]
    answer = client.post("/v1/tasks", json={"title": "x"}, headers=bearer(token(roles=["viewer"])))
    assert answer.status_code == 403
