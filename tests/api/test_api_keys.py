import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import httpx
import pytest

from kyros_worker.auth import api_key, authenticate
from kyros_worker.auth.subject import PERMISSIONS
from kyros_worker.auth.tables import ApiKey
from kyros_worker.clock import now
from tests import factories
from tests.credentials import bearer
from tests.eventually import eventually
from tests.keys import well_formed
from tests.serving import serving

NEW = {"name": "ci", "permissions": ["tasks:read", "tasks:write"]}


def test_a_new_key_works_and_is_shown_once(client, admin):
    made = client.post("/v1/api-keys", json=NEW, headers=admin)
    assert made.status_code == 201
    data = made.json["data"]
    assert well_formed(data["key"])
    assert data["key"].startswith(data["prefix"])
    assert (data["mode"], data["permissions"]) == ("test", NEW["permissions"])
    listed = client.get("/v1/api-keys", headers=admin)
    assert [one["name"] for one in listed.json["data"]["api_keys"]] == ["ci", "a key"]
    assert data["key"] not in listed.text
    assert api_key.digest(data["key"]) not in listed.text
    assert listed.json["data"]["api_keys"][0] == {
        name: value for name, value in data.items() if name != "key"
    }
    assert authenticate.authenticate(data["key"]).id == data["id"]


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"name": ""}, ["name"]),
        ({"name": None}, ["name"]),
        ({"name": "x" * 101}, ["name"]),
        ({"name": " "}, ["name"]),
        ({"name": "a\u202eb"}, ["name"]),
        ({"permissions": []}, ["permissions"]),
        ({"permissions": ["tasks:reed"]}, ["permissions[0]"]),
        ({"permissions": "admin"}, ["permissions"]),
        ({"mode": "both"}, ["mode"]),
        ({"expires_at": "2020-01-01T00:00:00Z"}, ["expires_at"]),
        ({"expires_at": "tomorrow"}, ["expires_at"]),
        ({"expire": 1, "name": 5}, ["name", "expire"]),
    ],
)
def test_wrong_fields(client, admin, change, fields):
    answer = client.post("/v1/api-keys", json={**NEW, **change}, headers=admin)
    assert answer.status_code == 422
    assert [detail["field"] for detail in answer.json["details"]] == fields


@pytest.mark.parametrize(
    ("maker", "asked", "status"),
    [("test", None, 201), ("test", "test", 201), ("test", "live", 403), ("live", None, 201),
     ("live", "live", 201), ("live", "test", 201)],
)  # fmt: skip
def test_modes(client, new_key, maker, asked, status):
    headers = bearer(new_key("admin", mode=maker)["key"])
    answer = client.post("/v1/api-keys", json={**NEW, "mode": asked}, headers=headers)
    assert answer.status_code == status
    if status == 201:
        assert answer.json["data"]["mode"] == (asked or maker)


def test_each_mode_sees_its_own(client, new_key):
    test, live = new_key("admin"), new_key("admin", mode="live")
    for own, other in ((test, live), (live, test)):
        listed = client.get("/v1/api-keys", headers=bearer(own["key"])).json["data"]["api_keys"]
        assert [one["id"] for one in listed] == [own["id"]]
        path = f"/v1/api-keys/{other['id']}"
        assert client.delete(path, headers=bearer(own["key"])).status_code == 404


def test_revoking(client, admin, new_key):
    made = new_key("admin")
    assert client.get("/v1/api-keys", headers=bearer(made["key"])).status_code == 200
    first = client.delete(f"/v1/api-keys/{made['id']}", headers=admin)
    assert first.status_code == 200
    assert first.json["data"]["revoked_at"]
    authenticate.forget()
    assert client.get("/v1/api-keys", headers=bearer(made["key"])).status_code == 401
    assert client.delete(f"/v1/api-keys/{made['id']}", headers=admin).json == first.json


@pytest.mark.parametrize("key_id", ["key_1234567890123", "task_1234567890123", "null", "key_%00"])
def test_revoking_what_is_not_there(client, admin, key_id):
    answer = client.delete(f"/v1/api-keys/{key_id}", headers=admin)
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


def test_paging_while_keys_are_added(client, admin, new_key):
    ids = [new_key("tasks:read")["id"] for _ in range(5)]
    seen, cursor = [], ""
    for _ in range(10):
        page = client.get(f"/v1/api-keys?limit=2{cursor}", headers=admin).json["data"]
        seen += [one["id"] for one in page["api_keys"]]
        new_key("tasks:read")
        if not page["has_more"]:
            assert page["next_cursor"] is None
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen[:5] == ids[::-1]
    assert len(seen) == len(set(seen)) == 6


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=abc", "cursor="])
def test_wrong_pages(client, admin, query):
    answer = client.get(f"/v1/api-keys?{query}", headers=admin)
    assert answer.status_code == 422
    assert [detail["field"] for detail in answer.json["details"]] == [query.split("=")[0]]


def test_a_replay_has_no_secret(client, admin):
    headers = {**admin, "Idempotency-Key": "one"}
    first = client.post("/v1/api-keys", json=NEW, headers=headers)
    again = client.post("/v1/api-keys", json=dict(reversed(NEW.items())), headers=headers)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.status_code == 201
    assert again.json["data"] == {**first.json["data"], "key": None}
    other = client.post("/v1/api-keys", json={**NEW, "name": "x"}, headers=headers)
    assert (other.status_code, other.json["code"]) == (409, "idempotency_mismatch")


def test_a_refusal_is_not_kept(client, admin):
    headers = {**admin, "Idempotency-Key": "two"}
    wrong = {**NEW, "expires_at": "2020-01-01T00:00:00Z"}
    assert client.post("/v1/api-keys", json=wrong, headers=headers).status_code == 422
    assert client.post("/v1/api-keys", json=NEW, headers=headers).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel", "\x7f"])
def test_wrong_idempotency_keys(client, admin, key):
    answer = client.post("/v1/api-keys", json=NEW, headers={**admin, "Idempotency-Key": key})
    assert answer.status_code == 422
    assert answer.json["details"][0]["field"] == "Idempotency-Key"


def test_getting_one(client, admin):
    made = client.post("/v1/api-keys", json=NEW, headers=admin).json["data"]
    found = client.get(f"/v1/api-keys/{made['id']}", headers=admin).json["data"]
    assert found == {name: value for name, value in made.items() if name != "key"}
    assert (found["rate_limit"], found["day_budget_usd"]) == (None, None)
    assert found["previous_expires_at"] is None


def test_limits(client, admin):
    limits = {"rate_limit": 120, "day_budget_usd": 12.5}
    made = client.post("/v1/api-keys", json={**NEW, **limits}, headers=admin).json["data"]
    assert {name: made[name] for name in limits} == limits
    path = f"/v1/api-keys/{made['id']}"
    changed = client.patch(
        path, json={"day_budget_usd": 3, "remove": ["rate_limit"]}, headers=admin
    )
    assert changed.status_code == 200
    data = changed.json["data"]
    assert (data["rate_limit"], data["day_budget_usd"]) == (None, 3)
    same = client.patch(path, json={"rate_limit": None, "remove": None}, headers=admin)
    assert same.json["data"] == data, "null is absent"


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"name": ""}, ["name"]),
        ({"name": "x" * 101, "permissions": []}, ["name", "permissions"]),
        ({"permissions": ["tasks:reed"]}, ["permissions[0]"]),
        ({"mode": "live"}, ["mode"]),
        ({"expires_at": "2020-01-01T00:00:00Z"}, ["expires_at"]),
        ({"rate_limit": 0, "day_budget_usd": -1}, ["rate_limit", "day_budget_usd"]),
        ({"rate_limit": 1_000_001, "day_budget_usd": 1e6 + 1}, ["rate_limit", "day_budget_usd"]),
        ({"rate_limit": 1.5, "day_budget_usd": "5"}, ["rate_limit", "day_budget_usd"]),
        ({"rate_limit": True, "day_budget_usd": True}, ["rate_limit", "day_budget_usd"]),
        ({"remove": ["name"]}, ["remove[0]"]),
        ({"remove": "rate_limit"}, ["remove"]),
        ({"rate_limit": 5, "remove": ["rate_limit"]}, ["remove"]),
        ({"remove": ["expires_at", "rate_limit", "rate_limit", "rate_limit"]}, ["remove"]),
        ({"nam": "x", "key": "y", "rate_limit": "z"}, ["rate_limit", "nam", "key"]),
    ],
)  # fmt: skip
def test_wrong_changes(client, admin, new_key, change, fields):
    path = f"/v1/api-keys/{new_key('tasks:read')['id']}"
    answer = client.patch(path, json=change, headers=admin)
    assert answer.status_code == 422
    assert [detail["field"] for detail in answer.json["details"]] == fields
    if not {"mode", "remove", "nam"} & set(change):
        made = client.post("/v1/api-keys", json={**NEW, **change}, headers=admin)
        assert [detail["field"] for detail in made.json["details"]] == fields


@pytest.mark.parametrize("overlap", [-1, 2_592_001, 1.5, "60", True])
def test_wrong_overlaps(client, admin, new_key, overlap):
    path = f"/v1/api-keys/{new_key('tasks:read')['id']}/rotate"
    answer = client.post(path, json={"overlap_seconds": overlap}, headers=admin)
    assert answer.status_code == 422
    assert [detail["field"] for detail in answer.json["details"]] == ["overlap_seconds"]


@pytest.mark.parametrize(("body", "hours"), [(None, 24), ({}, 24), ({"overlap_seconds": 7200}, 2)])
def test_rotating(client, admin, new_key, body, hours):
    made = new_key("admin")
    answer = client.post(f"/v1/api-keys/{made['id']}/rotate", json=body, headers=admin)
    assert answer.status_code == 200
    data = answer.json["data"]
    assert data["id"] == made["id"]
    left = datetime.fromisoformat(data["previous_expires_at"]) - now()
    assert timedelta(hours=hours, minutes=-1) < left <= timedelta(hours=hours)
    for key in (made["key"], data["key"]):
        assert client.get("/v1/api-keys", headers=bearer(key)).status_code == 200


def test_a_replayed_rotation_has_no_secret_and_rotates_no_more(client, admin, new_key):
    made = new_key("tasks:read")
    headers = {**admin, "Idempotency-Key": "three"}
    first = client.post(f"/v1/api-keys/{made['id']}/rotate", headers=headers)
    again = client.post(f"/v1/api-keys/{made['id']}/rotate", headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json["data"] == {**first.json["data"], "key": None}
    assert authenticate.authenticate(made["key"]).id == made["id"]


def calls(key_id):
    path = f"/v1/api-keys/{key_id}"
    return [("get", path), ("patch", path), ("post", f"{path}/rotate"), ("delete", path)]


def test_another_modes_key_is_not_there(client, new_key):
    test, live = new_key("admin"), new_key("admin", mode="live")
    for own, other in ((test, live), (live, test)):
        for method, path in calls(other["id"]):
            body = {"json": {}} if method in ("patch", "post") else {}
            answer = client.open(path, method=method.upper(), headers=bearer(own["key"]), **body)
            assert (answer.status_code, answer.json["code"]) == (404, "not_found"), path


def test_only_admins(client, new_key):
    made = new_key(*[one for one in PERMISSIONS if one != "admin"])
    for method, path in calls(made["id"]):
        body = {"json": {}} if method in ("patch", "post") else {}
        answer = client.open(path, method=method.upper(), headers=bearer(made["key"]), **body)
        assert (answer.status_code, "admin" in answer.json["error"]) == (403, True), path


def test_what_has_ended_is_a_conflict(client, admin, new_key):
    made = new_key("tasks:read")
    client.delete(f"/v1/api-keys/{made['id']}", headers=admin)
    for method, path in calls(made["id"])[1:3]:
        answer = client.open(path, method=method.upper(), json={}, headers=admin)
        assert (answer.status_code, answer.json["code"]) == (409, "wrong_state")
        assert "is revoked" in answer.json["error"]


def test_a_key_that_may_no_longer(client, admin, new_key):
    made = new_key("admin")
    body = {"permissions": ["tasks:read"]}
    client.patch(f"/v1/api-keys/{made['id']}", json=body, headers=admin)
    authenticate.forget()
    assert client.get("/v1/api-keys", headers=bearer(made["key"])).status_code == 403
    assert client.get("/v1/tasks", headers=bearer(made["key"])).status_code == 200


def test_each_act_is_in_the_audit_log_with_who_and_from_where(client, admin, new_key):
    who = authenticate.authenticate(admin["Authorization"].split()[1]).id
    made = client.post("/v1/api-keys", json=NEW, headers=admin).json["data"]
    for method, path in calls(made["id"])[1:]:
        client.open(path, method=method.upper(), json={"name": "x"} if method == "patch" else None,
                    headers=admin)  # fmt: skip
    found = client.get(f"/v1/audit?target={made['id']}", headers=admin).json["data"]["entries"]
    assert [one["action"] for one in found][::-1] == [
        "api_key.create", "api_key.change", "api_key.rotate", "api_key.revoke",
    ]  # fmt: skip
    assert {(one["actor"], one["mode"], one["address"]) for one in found} == {
        (who, "test", "127.0.0.1")
    }
    assert all(one["request_id"] for one in found)


def test_revoking_ends_a_key_in_every_process_within_two_seconds(server, new_key):
    """Also what it has begun: a wait is refused when it is over."""
    made, other = new_key("admin"), new_key("admin")
    task_id = factories.create()["id"]
    with serving() as second, ThreadPoolExecutor(1) as pool:
        first_url, second_url = (f"http://{host}:{port}/v1" for host, port in (server, second))

        def asked(url, path, key):
            return httpx.get(f"{url}{path}", headers=bearer(key), timeout=90).status_code

        both = (first_url, second_url)
        waiting = pool.submit(asked, first_url, f"/tasks/{task_id}?wait=60", made["key"])
        # Its first use is written down as it is let in.
        eventually(lambda: factories.row(ApiKey, made["id"]).last_used_at, 30, "the wait is let in")
        assert [asked(url, "/api-keys", made["key"]) for url in both] == [200, 200]
        path = f"{second_url}/api-keys/{made['id']}"
        assert httpx.delete(path, headers=bearer(other["key"])).status_code == 200
        time.sleep(2)
        assert [asked(url, "/api-keys", made["key"]) for url in both] == [401, 401]
        assert asked(first_url, f"/tasks/{task_id}?wait=4", made["key"]) == 401
        assert not waiting.done()
        cancel = f"{second_url}/tasks/{task_id}/cancel"
        assert httpx.post(cancel, headers=bearer(other["key"])).status_code == 200
        assert waiting.result() == 401
