import pytest
from flask import Flask

from api import caller, errors
from kyros_worker.auth.subject import PERMISSIONS
from tests.credentials import bearer

OPEN = {
    "/.well-known/oauth-authorization-server",
    "/auth/oauth2/callback",
    "/auth/oauth2/revoke",
    "/auth/oauth2/token",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/docs/<path:asset>",
    "/assets/<name>",
    "/sign-in",
}


def test_every_route_says_what_it_needs(app):
    for rule in app.url_map.iter_rules():
        needed = caller.needs(app.view_functions[rule.endpoint])
        # Who has not signed in is asked to, once the application's request is known to be sound.
        asks = rule.endpoint == "consent.ask"
        if rule.rule in OPEN or asks:
            assert needed == "nothing", rule
        else:
            assert needed in {*PERMISSIONS, "credential"}, rule


def test_a_route_that_says_nothing_lets_nobody_in(admin):
    bare = Flask("bare")
    caller.register(bare)
    errors.register(bare)
    bare.add_url_rule("/secret", view_func=lambda: "secret")
    answer = bare.test_client().get("/secret", headers=admin)
    assert answer.status_code == 403
    assert bare.test_client().get("/secret").status_code == 401


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic a2V5", "kyros_test_x"])
def test_without_a_credential(client, no_keys, header):
    answer = client.get("/v1/api-keys", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="kyros"'
    assert answer.json["code"] == "unauthenticated"
    assert "data" not in answer.json


@pytest.mark.parametrize(
    "token",
    ["kyros_test_nobody", "{}", "kyros_live_" + "A" * 38, "a.b.c", "kyros_test_\xe9", "Bearer x y",
     "kyros_test_" + "x" * 5000],
)  # fmt: skip
def test_with_a_wrong_one(client, no_keys, token):
    answer = client.get("/v1/api-keys", headers=bearer(token))
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert token not in answer.text


def test_the_scheme_is_in_any_case(client, new_key):
    key = new_key("admin")["key"]
    for header in (f"bearer {key}", f"BEARER  {key} "):
        assert client.get("/v1/api-keys", headers={"Authorization": header}).status_code == 200


def test_a_key_beyond_ascii(client, new_key):
    key = "kyros_test_" + "schlüssel-" * 4
    new_key("admin", key=key)
    header = f"Bearer {key}".encode().decode("latin-1")
    assert client.get("/v1/api-keys", headers={"Authorization": header}).status_code == 200


@pytest.mark.parametrize("permission", [one for one in PERMISSIONS if one != "admin"])
def test_without_the_permission(client, new_key, permission):
    headers = bearer(new_key(permission)["key"])
    answer = client.get("/v1/api-keys", headers=headers)
    assert answer.status_code == 403
    assert answer.json["error"] == "This needs the permission admin."
    assert answer.json["code"] == "permission_denied"
    assert "data" not in answer.json


def test_credentials_come_before_validation(client, new_key):
    reader = bearer(new_key("tasks:read")["key"])
    assert client.post("/v1/api-keys?x=%00", data="{").status_code == 401
    assert client.post("/v1/api-keys?x=%00", data="{", headers=reader).status_code == 403


def test_unknown_paths_and_methods_need_none(client):
    assert client.get("/v1/nothing").status_code == 404
    assert client.patch("/v1/api-keys").status_code == 405
