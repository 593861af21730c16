"""Which pages of other sites may call the API."""

import pytest

from api import cors
from kyros_worker.settings import current

OURS, OTHERS = "https://app.example.com", "https://evil.example.com"


@pytest.fixture
def named(schema, monkeypatch):
    changed = current().model_copy(update={"cors_origins": f"http://localhost:3000, {OURS}"})
    monkeypatch.setattr(cors, "current", lambda: changed)


def preflight(client, path="/v1/api-keys", origin=OURS, method="POST"):
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    return client.options(path, headers=asked)


def test_a_preflight(client, named):
    answer = preflight(client)
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    assert answer.headers["Vary"] == "Origin"
    assert {"GET", "POST"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    assert set(answer.headers["Access-Control-Allow-Headers"].split(", ")) == {
        "Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "X-Kyros-Mode",
        "X-Request-Id",
    }  # fmt: skip
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "RateLimit-Limit" not in answer.headers


def test_a_preflight_names_the_paths_own_methods(client, named):
    methods = preflight(client, "/v1/api-keys/key_1", method="DELETE").headers
    assert methods["Access-Control-Allow-Methods"] == "DELETE, GET, HEAD, PATCH"


@pytest.mark.parametrize(
    ("path", "origin", "status"),
    [
        ("/v1/api-keys", OTHERS, 405),
        ("/v1/api-keys", OURS + ".evil.example", 405),
        ("/v1/api-keys", "null", 405),
        ("/v1/nothing", OURS, 404),
        ("/healthz", OURS, 405),
        ("/docs", OURS, 405),
    ],
)
def test_no_preflight(client, named, path, origin, status):
    answer = preflight(client, path, origin)
    assert answer.status_code == status
    assert "Access-Control-Allow-Methods" not in answer.headers


def test_options_alone_stays_what_it_was(client, named):
    assert client.options("/v1/api-keys", headers={"Origin": OURS}).status_code == 405


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/api-keys", 200), ("/v1/nothing", 404), ("/v1/api-keys?limit=x", 422)],
)
def test_every_answer_can_be_read(client, admin, named, path, status):
    answer = client.get(path, headers={**admin, "Origin": OURS})
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert exposed == {
        "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After", "X-Request-Id",
        "Idempotent-Replayed",
    }  # fmt: skip
    assert answer.headers["Vary"] == "Origin"


def test_a_401_too(client, named):
    assert client.get("/v1/api-keys", headers={"Origin": OURS}).headers[
        "Access-Control-Allow-Origin"
    ] == (OURS)


@pytest.mark.parametrize("origin", [OTHERS, "null", None, "", OURS.upper(), f"{OURS}/"])
def test_others_read_nothing(client, admin, named, origin):
    headers = admin if origin is None else {**admin, "Origin": origin}
    answer = client.get("/v1/api-keys", headers=headers)
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Vary"] == "Origin"


def test_without_the_setting_there_is_none(client, admin):
    assert preflight(client).status_code == 405
    answer = client.get("/v1/api-keys", headers={**admin, "Origin": OURS})
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
    assert "Vary" not in answer.headers
