"""Whatever is sent to the token endpoints."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.oauth2.token_endpoint import GUIDE, REVOKE, TOKEN
from tests.applications import credentials


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
