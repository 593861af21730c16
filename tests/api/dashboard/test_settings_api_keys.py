import re
from datetime import timedelta

import pytest

from kyros_worker.auth.queries import newest
from kyros_worker.clock import now
from kyros_worker.database import read
from tests.browser import form_id, shown
from tests.credentials import bearer
from tests.live_models import configured, on
from tests.people import audit_entries

KEY = re.compile(r"kyros_(?:test|live)_[0-9A-Za-z]{38}")


@pytest.fixture
def live(tmp_path):
    """A deployment that has models, and so both modes."""
    with configured(tmp_path / "kyros.toml", on("http://127.0.0.1:9/v1")) as settings:
        yield settings


@pytest.fixture
def jo(browser, no_keys):
    return browser("admin")


def generate(jo, query="", **fields):
    fields = {"name": "CI", "permissions": ["tasks:read", "tasks:write"], **fields}
    identity = form_id(jo.get(f"/settings/api-keys/new{query}"))
    return jo.post(f"/settings/api-keys{query}", form_id=identity, **fields)


def keys(mode="test"):
    with read() as connection:
        return newest(connection, mode, 100)


def test_a_new_key_is_shown_once_and_works(jo, client):
    expires = (now() + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
    page = generate(
        jo, name="CI pipeline", expires_at=expires, rate_limit="120",
        day_budget_usd="2.50",
    )  # fmt: skip
    assert page.status_code == 201
    assert page.headers["Cache-Control"] == "no-store"
    [secret] = set(KEY.findall(page.text))
    assert "It is shown this once" in page.text
    answer = client.get("/v1/tasks", headers=bearer(secret))
    assert answer.status_code == 200
    [key] = keys()
    assert key["name"] == "CI pipeline"
    assert key["permissions"] == ["tasks:read", "tasks:write"]
    assert (key["rate_limit"], key["day_budget_usd"]) == (120, 2.5)
    assert key["expires_at"].startswith(expires)
    assert key["created_by"] == jo.person.user_id
    for path in ("/settings/api-keys", f"/settings/api-keys/{key['id']}"):
        assert secret not in jo.get(path).text


def test_a_form_that_is_sent_again_makes_no_second_key(jo):
    identity = form_id(jo.get("/settings/api-keys/new"))
    fields = {"form_id": identity, "name": "CI", "permissions": ["tasks:read"]}
    first = jo.post("/settings/api-keys", **fields)
    again = jo.post("/settings/api-keys", **fields)
    assert (first.status_code, again.status_code) == (201, 200)
    assert not KEY.search(again.text)
    assert "was sent before" in again.text
    assert len(keys()) == 1
    other = jo.post("/settings/api-keys", **{**fields, "name": "another"})
    assert other.status_code == 409
    assert "send a new one if you mean both" in other.text
    assert form_id(other) != identity
    made = jo.post("/settings/api-keys", **{**fields, "name": "another", "form_id": form_id(other)})
    assert made.status_code == 201
    assert len(keys()) == 2


@pytest.mark.parametrize("identity", [None, "", "x", "x" * 23, "é" * 22])
def test_a_form_without_its_id(jo, identity):
    fields = {} if identity is None else {"form_id": identity}
    page = jo.post("/settings/api-keys", name="CI", permissions=["tasks:read"], **fields)
    assert page.status_code == 400
    assert not keys()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": " "}, "Is required."), ({"name": "x" * 101}, "at most 100"),
        ({"permissions": []}, "Choose one or more."), ({"permissions": ["root"]}, "Must be"),
        ({"expires_at": "2020-01-01T00:00"}, "Must be in the future."),
        ({"expires_at": "soon"}, "Must be a time"), ({"expires_at": "2030-02-31T00:00"}, "no time"),
        ({"rate_limit": "0"}, "greater than or equal to 1"),
        ({"rate_limit": "1.5"}, "whole number"),
        ({"rate_limit": "9" * 30}, "whole number"), ({"day_budget_usd": "-1"}, "must be a number"),
        ({"day_budget_usd": "1e5"}, "must be a number"), ({"day_budget_usd": "٣"}, "a number"),
        ({"day_budget_usd": "1,5"}, "must be a number"), ({"mode": "both"}, "Must be"),
    ],
)  # fmt: skip
def test_what_is_wrong_stands_beside_its_field(jo, fields, said):
    page = generate(jo, **{"name": "typed before", "rate_limit": "77", **fields})
    assert page.status_code == 422
    assert said.lower() in page.text.lower()
    assert 'role="alert"' in page.text
    assert "aria-invalid" in page.text or "error" in page.text
    if "name" not in fields:
        assert 'value="typed before"' in page.text
    if "permissions" not in fields:
        assert re.search(r'value="tasks:write" checked', page.text)
    assert not keys()


def test_changing(jo):
    generate(jo, rate_limit="120", day_budget_usd="2.5")
    [key] = keys()
    path = f"/settings/api-keys/{key['id']}"
    page = jo.get(path)
    assert 'value="120"' in page.text
    assert 'value="2.5"' in page.text
    answer = jo.save(
        path, name="renamed", permissions=["admin"], rate_limit="", day_budget_usd="2.5"
    )
    assert (answer.status_code, answer.location) == (303, path)
    assert "The key is changed" in jo.get(path).text
    assert "The key is changed" not in jo.get(path).text
    [changed] = keys()
    assert (changed["name"], changed["permissions"]) == ("renamed", ["admin"])
    assert (changed["rate_limit"], changed["day_budget_usd"]) == (None, 2.5)
    for wrong in ({"name": ""}, {"permissions": []}):
        fields = {"name": "renamed", "permissions": ["admin"], **wrong}
        assert jo.save(path, **fields).status_code == 422
    assert keys() == [changed]


def test_an_expiry_is_kept_to_the_microsecond(jo, new_key):
    expires = now() + timedelta(days=1)
    key = new_key("admin", expires_at=expires)
    path = f"/settings/api-keys/{key['id']}"
    shown = re.search(r'name="expires_at"[^>]*value="([^"]+)"', jo.get(path).text)[1]
    jo.save(path, name="other", permissions=["admin"], expires_at=shown)
    [changed] = keys()
    assert (changed["name"], changed["expires_at"]) == ("other", key["expires_at"])


def test_rotating(jo, client):
    old = KEY.search(generate(jo).text)[0]
    path = f"/settings/api-keys/{keys()[0]['id']}/rotate"
    identity = form_id(jo.get(path))
    page = jo.post(path, form_id=identity, overlap_seconds="3600")
    [new] = set(KEY.findall(page.text))
    assert new != old
    for secret in (old, new):
        answer = client.get("/v1/tasks", headers=bearer(secret))
        assert answer.status_code == 200
    again = jo.post(path, form_id=identity, overlap_seconds="3600")
    assert not KEY.search(again.text)
    assert len(audit_entries("api_key.rotate")) >= 1
    for wrong in ("x", "-1", "99999999"):
        refused = jo.post(path, form_id=form_id(jo.get(path)), overlap_seconds=wrong)
        assert refused.status_code == 422


def test_revoking(jo):
    generate(jo)
    [key] = keys()
    path = f"/settings/api-keys/{key['id']}"
    before = shown(jo.get(path))
    assert "Revoke CI?" in jo.get(f"{path}/revoke").text
    assert keys()[0]["revoked_at"] is None
    assert jo.post(f"{path}/revoke").location == "/settings/api-keys"
    assert keys()[0]["revoked_at"] is not None
    page = jo.get("/settings/api-keys")
    assert "revoked" in page.text
    refused = jo.post(path, name="x", permissions=["admin"], shown=before)
    assert refused.status_code == 409
    assert "is revoked" in refused.text
    assert '<p class="notice bad" role="alert">' in refused.text


def test_both_modes(jo, live):
    made = generate(jo, query="?mode=test", name="for test")
    assert "kyros_test_" in made.text
    live_form = jo.get("/settings/api-keys/new")
    assert 'value="live"' in live_form.text
    made = jo.post(
        "/settings/api-keys", form_id=form_id(live_form), name="for live", mode="live",
        permissions=["tasks:read"],
    )  # fmt: skip
    assert "kyros_live_" in made.text
    shown, test = jo.get("/settings/api-keys"), jo.get("/settings/api-keys?mode=test")
    assert "for live" in shown.text
    assert "for test" not in shown.text
    assert "for test" in test.text
    assert "for live" not in test.text
    assert "You are looking at" in test.text
    assert 'href="/settings/webhooks?mode=test"' in test.text
    [key] = keys("live")
    assert jo.get(f"/settings/api-keys/{key['id']}?mode=test").status_code == 404
    identity = form_id(jo.get("/settings/api-keys/new?mode=test"))
    refused = jo.post(
        "/settings/api-keys?mode=test", form_id=identity, name="no", mode="live",
        permissions=["tasks:read"],
    )  # fmt: skip
    assert refused.status_code == 403
    assert "A live key is made by" in refused.text


def test_a_deployment_in_test_mode_has_one_mode(jo):
    page = jo.get("/settings/api-keys")
    assert "Test mode" in page.text
    assert "mode=test" not in page.text


def test_a_long_list_goes_on(jo, new_key):
    for _ in range(52):
        new_key("admin")
    page = jo.get("/settings/api-keys")
    older = re.search(r'href="([^"]+cursor=[^"]+)"', page.text)[1]
    assert jo.get(older).text.count("/settings/api-keys/key_") == 2
    assert jo.get("/settings/api-keys?cursor=abc").status_code == 422
    assert jo.get("/settings/users?cursor=" + older.partition("cursor=")[2]).status_code == 422


@pytest.mark.parametrize("key_id", ["key_1234567890123", "x", "key_%00", "..%2f", "key_é"])
def test_no_such_key(jo, key_id):
    assert jo.get(f"/settings/api-keys/{key_id}").status_code == 404
    assert jo.post(f"/settings/api-keys/{key_id}/revoke").status_code == 404
