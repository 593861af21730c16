"""What browsers are told on every answer."""

import base64
import hashlib
import re

import pytest

from api import probes, security_headers
from kyros_worker.settings import current

NOTHING = "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize(
    "path", ["/healthz", "/v1/api-keys", "/v1/nothing", "/openapi.json", "/docs", "/nothing",
             "/docs/js/swagger-ui-bundle.js"],
)  # fmt: skip
def test_every_answer(client, path):
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert (headers["Content-Security-Policy"] == NOTHING) is (path != "/docs")
    assert "Strict-Transport-Security" not in headers


def test_an_unexpected_error_too(client, monkeypatch):
    monkeypatch.setattr(probes, "success", lambda _: 1 / 0)
    answer = client.get("/healthz")
    assert answer.status_code == 500
    assert answer.headers["Content-Security-Policy"] == NOTHING


@pytest.mark.parametrize(("url", "expected"), [("https://kyros.example.com/", True),
                                               ("http://kyros.example.com", False)])  # fmt: skip
def test_hsts_where_people_come_over_tls(client, monkeypatch, url, expected):
    changed = current().model_copy(update={"public_url": url})
    monkeypatch.setattr(security_headers, "current", lambda: changed)
    found = client.get("/healthz").headers.get("Strict-Transport-Security")
    assert found == ("max-age=31536000" if expected else None)


def test_the_docs_run_their_own_script_alone(client):
    page = client.get("/docs")
    policy = page.headers["Content-Security-Policy"]
    (script,) = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
