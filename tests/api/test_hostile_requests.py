"""Paths, headers and hosts that mean something else to another server, over real sockets."""

import json
import socket

import pytest

from tests import factories
from tests.credentials import COOKIE, bearer, signed
from tests.people import session_of

#: Ways to write the path of what only an admin may see; some are that path, none goes round it.
PATHS = (
    "/v1/api-keys", "//v1/api-keys", "/v1//api-keys", "/v1/v1/api-keys", "/v1/api-keys/",
    "/v1/api-keys//", "/./v1/api-keys", "/v1/./api-keys", "/v1/tasks/../api-keys",
    "/healthz/../v1/api-keys", "/healthz/..;/v1/api-keys", "/v1/..;/v1/api-keys",
    "/docs/..;/v1/api-keys", "/docs/../v1/api-keys", "/healthz/%2e%2e/v1/api-keys",
    "/healthz/%2e%2e%2fv1%2fapi-keys", "/healthz%2f..%2fv1/api-keys", "/v1%2fapi-keys",
    "/%76%31/%61%70%69-keys", "/v1/api%2dkeys", "/v1/api-keys%20", "/v1/api-keys%09",
    "/v1/api-keys%00", "/v1/api-keys%0d%0a", "/v1/api-keys;x=1", "/v1/api-keys;.css",
    "/v1/api-keys.json", "/v1/api-keys%23", "/v1/api-keys%3f", "/V1/API-KEYS", "/v1/api-keys/..",
    "/%252e%252e/v1/api-keys", "/healthz/%252e%252e/v1/api-keys", "/\\v1\\api-keys",
    "/v1\\api-keys", "/v1/%c0%ae%c0%ae/api-keys", "/v1/api\uff0dkeys", "/healthz?/v1/api-keys",
    "/healthz#/v1/api-keys", "http://other.example/v1/api-keys", "//other.example/v1/api-keys",
    "/sign-in/../v1/api-keys", "/openapi.json/../v1/api-keys", "/assets/..%2f..%2fv1/api-keys",
    "/.well-known/oauth-authorization-server/../../v1/api-keys", "/v1/api-keys?mode=live",
    "/v1/api-keys?_method=GET", "/settings/api-keys", "/settings/../v1/api-keys",
)  # fmt: skip
FILES = (
    "/docs/../app.py", "/docs/..%2f..%2fapp.py", "/docs/%2e%2e/%2e%2e/__init__.py",
    "/docs/....//....//app.py", "/docs//etc/passwd", "/docs/%2fetc%2fpasswd",
    "/docs/..%5c..%5capp.py", "/docs/js/../../../__init__.py", "/docs/.", "/docs/%00",
    "/docs/js/swagger-ui.js%00.css", "/assets/..%2fpage.py", "/assets/%2e%2e%2fpage.py",
    "/assets/..%252fpage.py", "/assets//etc/passwd", "/assets/..", "/assets/%2e%2e",
    "/assets/kyros.css%00", "/assets/..\\page.py", "/assets/~root", "/assets/file:%2f%2f%2fetc",
)  # fmt: skip


def ask(server, path, *lines, method="GET"):
    """Status, headers and body of one answer, however the request is written."""
    first = f"{method} {path} HTTP/1.1".encode()
    sent = [first, b"Host: kyros", *(line.encode("latin-1") for line in lines)]
    with socket.create_connection(server, timeout=20) as connection:
        connection.sendall(b"\r\n".join([*sent, b"Connection: close", b"", b""]))
        received = b""
        while piece := connection.recv(65_536):
            received += piece
    assert received.count(b"HTTP/1.1 ") == 1, received
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode("latin-1").lower(), body


@pytest.mark.parametrize("path", PATHS)
def test_no_path_goes_round_the_wall(server, new_key, path):
    """Without a credential, and with one that may do something else."""
    for lines in ((), (f"Authorization: Bearer {new_key('tasks:read')['key']}",)):
        status, _, body = ask(server, path, *lines)
        assert status < 500, body
        assert b"api_keys" not in body
        assert b'"prefix"' not in body
        if status == 200:
            assert path.startswith("/healthz"), body


@pytest.mark.parametrize("path", FILES)
def test_no_path_leads_to_another_file(server, path):
    status, _, body = ask(server, path)
    assert status in (400, 404), body
    assert b"import" not in body
    assert b"root:" not in body


@pytest.mark.parametrize("length", [4_000, 8_000, 70_000, 1_000_000])
def test_long_ones(server, admin, length):
    authorization = f"Authorization: {admin['Authorization']}"
    for path in (f"/v1/tasks/{'x' * length}", f"/v1/tasks?q={'x' * length}", "/" * length,
                 f"/v1/tasks/{'%2e' * (length // 3)}", f"/v1{'/..' * (length // 3)}"):  # fmt: skip
        try:
            status, _, _ = ask(server, path, authorization)
        except (ConnectionResetError, BrokenPipeError):
            continue  # it was refused while it was still being sent
        assert status in (400, 401, 404, 414, 422), path[:50]
    assert ask(server, "/healthz")[0] == 200


@pytest.mark.parametrize(
    "line",
    [
        "X-Original-URL: /v1/api-keys", "X-Rewrite-URL: /v1/api-keys", "X-Forwarded-Prefix: /v1",
        "X-Forwarded-Path: /v1/api-keys", "X-HTTP-Method-Override: DELETE", "X-Method: DELETE",
        "X-HTTP-Method: DELETE", "X-Forwarded-User: admin", "X-Remote-User: admin",
        "X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "Remote-User: admin",
        "Forwarded: for=127.0.0.1;proto=https", "X-Api-Key: {key}", "Api-Key: {key}",
        "X-Authorization: Bearer {key}", "Proxy-Authorization: Bearer {key}",
        "Authorization: Basic {key}", "Authorization: {key}", "Authorization: Token {key}",
        "Authorization : Bearer {key}", "X_Authorization: Bearer {key}",
        "Cookie: kyros_session={key}", "Cookie: Authorization=Bearer {key}",
        "HTTP_AUTHORIZATION: {key}", "Authorization: Bearer\t{key}",
        "Authorization: Bearer {key}, Bearer {key}", "Authorization: Bearer {key};",
        'Authorization: Bearer "{key}"',
    ],
)  # fmt: skip
def test_a_key_comes_in_one_way(server, new_key, line):
    line = line.format(key=new_key("admin")["key"])
    status, _, body = ask(server, "/v1/api-keys", line)
    assert status in (400, 401), body


@pytest.mark.parametrize("place", ["access_token", "api_key", "key", "token", "authorization"])
def test_no_key_in_an_address_or_a_form(client, new_key, place):
    key = new_key("admin")["key"]
    assert client.get("/v1/api-keys", query_string={place: key}).status_code == 401
    assert client.post("/v1/api-keys", data={place: key}).status_code == 401


@pytest.mark.parametrize(
    "lines",
    [
        ["X-Kyros-Mode: test", "X-Kyros-Mode: test"], ["X-Kyros-Mode: test", "X-Kyros-Mode: live"],
        ["X-Kyros-Mode: live", "X-Kyros-Mode: test"], ["X-Kyros-Mode: test, live"],
        ["X-Kyros-Mode: TEST"], ["X-Kyros-Mode: test;live"], ["X-Kyros-Mode:"],
        ["x-kyros-mode: test", "X-KYROS-MODE: test"],
    ],
)  # fmt: skip
def test_a_mode_is_said_once(server, lines):
    authorization = f"Authorization: Bearer {signed(roles=['viewer'])}"
    assert ask(server, "/v1/tasks", authorization, *lines)[0] == 422
    assert ask(server, "/v1/tasks", authorization, "X-Kyros-Mode: test")[0] == 200
    assert ask(server, "/v1/tasks", authorization, "X_Kyros_Mode: nonsense")[0] == 200


@pytest.mark.parametrize("first", [True, False])
def test_a_planted_cookie_beside_the_right_one(server, new_user, first):
    """Whichever of two counts: no request of one person acts as the other."""
    user, thief = new_user("viewer"), new_user("admin", email="thief@example.com")
    cookies = [f"{COOKIE}={session_of(one.id)}" for one in (user, thief)]
    pair = "; ".join(cookies if first else reversed(cookies))
    status, _, _ = ask(server, "/v1/api-keys", f"Cookie: {pair}")
    assert status == (403 if first else 200)
    status, _, body = ask(server, "/v1/tasks", f"Cookie: {pair}", method="POST")
    assert (status, json.loads(body)["code"]) == (403, "csrf_failed")


@pytest.mark.parametrize(
    "sent",
    ["a%0d%0aSet-Cookie: x=1", "a\r\n Set-Cookie: x=1", "a\x0bSet-Cookie: x=1", "é", "a b", "<b>",
     "a" * 129, "req_1\x85Set-Cookie: x=1"],
)  # fmt: skip
def test_a_request_id_splits_no_answer(server, sent):
    status, head, body = ask(server, "/v1/nothing", f"X-Request-Id: {sent}")
    assert status in (400, 404)
    assert "set-cookie" not in head
    assert sent.encode("latin-1") not in body


@pytest.mark.parametrize("path", ["/settings/profile%0d%0aSet-Cookie:%20x=1", "/%0d%0ax:1",
                                  "/sign-in?next=/%0d%0aSet-Cookie:%20x=1",
                                  "/settings/profile?mode=%0d%0aSet-Cookie:%20x=1"])  # fmt: skip
def test_a_path_splits_no_answer(server, path):
    _, head, _ = ask(server, path, "Accept: text/html")
    assert "\nset-cookie" not in head
    assert "\nx:" not in head


#: No hosts, which are refused as such.
NO_HOSTS = ("x" * 300, "")
HOSTS = (
    "evil.example", "evil.example:1", "kyros.evil.example", "kyros@evil.example", "evil.example/x",
    "[::1]", "evil.example\\@kyros", "x" * 300, "évil", "<b>", "",
)  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_links_do_not_follow_the_host(client, admin, no_tasks, host):
    """Nor what a proxy is said to have heard."""
    headers = {"Host": host.encode().decode("latin-1"), "X-Forwarded-Host": "evil.example",
               "X-Forwarded-Proto": "https", "X-Forwarded-Port": "1"}  # fmt: skip
    made = client.post("/v1/tasks", json={"title": "x"}, headers={**admin, **headers})
    if made.status_code == 400:
        assert host in NO_HOSTS
        return
    assert made.json["data"]["url"].startswith("http://127.0.0.1:")
    for path in ("/", "/settings/profile", "/settings/api-keys?mode=test", "/v1/tasks"):
        answer = client.get(path, headers={**headers, "Accept": "text/html"})
        assert "evil" not in answer.text
        assert "evil" not in str(answer.headers)
        assert answer.headers.get("Location", "/").startswith("/")


def test_smuggled_words_stand_in_no_audit_entry(server, new_key, new_user):
    from tests.people import audit_entries

    admin = new_key("admin")
    status, _, _ = ask(
        server, f"/v1/api-keys/{admin['id']}", f"Authorization: Bearer {admin['key']}",
        "X-Forwarded-For: 203.0.113.9", "X-Real-IP: 203.0.113.9", "Forwarded: for=203.0.113.9",
        "X-Request-Id: <script>", method="DELETE",
    )  # fmt: skip
    assert status == 200
    entry = audit_entries("api_key.revoke")[0]
    assert (entry["actor"], entry["address"]) == (admin["id"], "127.0.0.1")
    assert entry["request_id"].startswith("req_")


def test_odd_spellings_of_a_task_are_none(server, admin, no_tasks):
    task_id = factories.create()["id"]
    authorization = f"Authorization: {admin['Authorization']}"
    assert ask(server, f"/v1/tasks/{task_id}", authorization)[0] == 200
    oddly = [task_id + end for end in ("%00", "%20", "%0a", ".json", f",{task_id}", ";x=1")]
    for odd in [*oddly, f"%20{task_id}", task_id.upper(), task_id.replace("_", "%5f%5f")]:
        assert ask(server, f"/v1/tasks/{odd}", authorization)[0] == 404, odd


def test_bearer_of_the_wrong_kind_of_secret(client, new_key, new_user, new_application):
    """Each secret opens its own door."""
    from kyros_worker.auth import api_key
    from kyros_worker.user.session import authenticate_session
    from tests.applications import code_for
    from tests.credentials import access_token

    user, application, made = new_user("admin"), new_application(), new_key("admin")
    cookie = session_of(user.id)
    secrets = {
        "cookie": cookie,
        "csrf": authenticate_session(cookie).csrf_token,
        "client secret": application["client_secret"],
        "client id": application["id"],
        "code": code_for(application, user),
        "hash": api_key.digest(made["key"]),
        "prefix": made["prefix"],
        "id": made["id"],
        "password hash": user.password_hash,
        "other mode": made["key"].replace("kyros_test_", "kyros_live_"),
        "no prefix": made["key"].removeprefix("kyros_test_"),
        "truncated": made["key"][:-1],
        "longer": made["key"] + "A",
        "other case": made["key"].swapcase(),
        "as an access token": made["key"].replace("kyros_test_", "kyros_at_"),
    }
    for name, secret in secrets.items():
        assert client.get("/v1/tasks", headers=bearer(secret)).status_code == 401, name
    others = {"key": made["key"], "token": access_token(application, user), "jwt": signed()}
    for name, secret in others.items():
        headers = {"Cookie": f"{COOKIE}={secret}"}
        assert client.get("/v1/tasks", headers=headers).status_code == 401, name
