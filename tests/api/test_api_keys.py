import pytest

from kyros_worker.auth import api_key, authenticate

NEW = {"name": "ci", "permissions": ["tasks:read", "tasks:write"]}


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def test_a_new_key_works_and_is_shown_once(client, admin):
    made = client.post("/v1/api-keys", json=NEW, headers=admin)
    assert made.status_code == 201
    data = made.json["data"]
    assert api_key.well_formed(data["key"])
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
