import json
import re

import pytest

from kyros_worker import readiness
from kyros_worker.settings import current


def test_probes(client):
    for path in ("/healthz", "/readyz"):
        answer = client.get(path)
        assert (answer.status_code, answer.json["success"]) == (200, True)
        assert answer.content_type == "application/json"


@pytest.mark.parametrize(
    ("silent", "sentence"),
    [
        (["Redis"], "Redis does not answer."),
        (["Postgres", "Redis"], "Postgres and Redis do not answer."),
    ],
)
def test_not_ready(client, monkeypatch, silent, sentence):
    monkeypatch.setattr(readiness, "silent", lambda: silent)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["error"] == sentence
    assert answer.json["data"] == {}
    assert int(answer.headers["Retry-After"]) > 0


def test_readiness_asks_both(schema, monkeypatch):
    assert readiness.silent() == []
    away = current().model_copy(update={"redis_url": "redis://127.0.0.1:1"})
    monkeypatch.setattr(readiness, "current", lambda: away)
    readiness._redis.cache_clear()
    try:
        assert readiness.silent() == ["Redis"]
    finally:
        readiness._redis.cache_clear()


@pytest.mark.parametrize(
    "path",
    ["/v1/api-keys/", "/v1/v1/api-keys", "/v1/v1/v1/api-keys/", "/v1//api-keys"],
)
def test_other_spellings_are_served_without_a_redirect(client, admin, path):
    answer = client.get(path, headers=admin, base_url="http://kyros")
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/v1", "/v1/v10", "/v2/tasks"])
def test_unknown_paths(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json["code"] == "not_found"


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "TRACE", "BREW"])
def test_other_methods(client, method):
    answer = client.open("/v1/api-keys", method=method)
    assert answer.status_code == 405
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))
    assert answer.json["code"] == "method_not_allowed"


@pytest.mark.parametrize("sent", ["abc", "A.b_c-9", "x" * 128])
def test_a_sane_request_id_is_echoed(client, sent):
    for path in ("/healthz", "/v1/nothing", "/docs"):
        assert client.get(path, headers={"X-Request-Id": sent}).headers["X-Request-Id"] == sent


@pytest.mark.parametrize("sent", [None, "", "x" * 129, "a b", "é", "a;b", '"'])
def test_any_other_is_replaced(client, sent):
    answer = client.get("/v1/nothing", headers={} if sent is None else {"X-Request-Id": sent})
    assert re.fullmatch(r"req_\d{13,}", answer.headers["X-Request-Id"])
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]


def test_docs_load_nothing_from_outside(client):
    page = client.get("/docs")
    assert page.content_type == "text/html; charset=utf-8"
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(assets) == 3
    for asset in assets:
        assert asset.startswith("/docs/")
        assert client.get(asset).status_code == 200


def test_answers_are_compact_real_unicode(client, admin):
    sent = {"name": "Schlüssel 🔑", "permissions": ["admin"]}
    answer = client.post("/v1/api-keys", data=json.dumps(sent), headers=admin,
                         content_type="application/json")  # fmt: skip
    assert "Schlüssel 🔑" in answer.get_data(as_text=True)
    assert '": ' not in answer.text
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
