"""`/v1/webhooks`: who may make endpoints, of what, and what of them is shown."""

import json

import pytest
from sqlalchemy import text

from kyros_worker.database import read
from tests import webhooks
from tests.credentials import bearer

pytestmark = pytest.mark.usefixtures("no_webhooks")

URL = "https://example.com/hook"
NEW = {"url": URL, "events": ["task.created"]}


@pytest.fixture
def made(client, admin):
    return client.post("/v1/webhooks", json=NEW, headers=admin).json["data"]


def test_a_secret_is_shown_once_and_stored_encrypted(client, admin):
    body = NEW | {"secret": "your-webhook-secret"}
    headers = admin | {"Idempotency-Key": "one"}
    answer = client.post("/v1/webhooks", json=body, headers=headers)
    assert answer.status_code == 201
    new = answer.json["data"]
    assert new["secret"] == "your-webhook-secret"
    assert new["standard_secret"] == "whsec_eW91ci13ZWJob29rLXNlY3JldA=="
    again = client.post("/v1/webhooks", json=body, headers=headers).json["data"]
    assert (again["id"], again["secret"], again["standard_secret"]) == (new["id"], None, None)
    shown = client.get(f"/v1/webhooks/{new['id']}", headers=admin).json["data"]
    assert "secret" not in shown
    with read() as connection:
        rows = connection.execute(text("SELECT to_json(webhooks)::text FROM webhooks")).scalars()
        assert "your-webhook-secret" not in "".join(rows)


def test_a_secret_is_made_where_none_is_given(made):
    assert made["secret"].startswith("whsec_")
    assert made["secret"] == made["standard_secret"]


@pytest.mark.parametrize(("change", "field"), [
    ({"events": ["task.deleted"]}, "events[0]"), ({"events": []}, "events"),
    ({"url": "http://127.0.0.1:5000/x"}, "url"), ({"url": "http://169.254.169.254/"}, "url"),
    ({"url": "http://0x7f.1/"}, "url"), ({"url": "https://user:word@example.com/"}, "url"),
    ({"url": "ftp://example.com/"}, "url"), ({"url": ""}, "url"), ({"secret": ""}, "secret"),
    ({"secret": "x" * 257}, "secret"), ({"urls": URL}, "urls"), ({"enabled": "yes"}, "enabled"),
])  # fmt: skip
def test_what_is_wrong_is_named(client, admin, change, field):
    answer = client.post("/v1/webhooks", json=NEW | change, headers=admin)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json["details"]] == [field]


def test_only_who_may_manage(client, new_key):
    headers = bearer(new_key("tasks:write", "monitoring:read")["key"])
    for answer in (
        client.post("/v1/webhooks", json=NEW, headers=headers),
        client.get("/v1/webhooks", headers=headers),
    ):
        assert answer.status_code == 403
        assert "webhooks:manage" in answer.json["error"]


def test_another_modes_and_deleted_ones_are_not_there(client, admin, new_key, made):
    live = bearer(new_key("admin", mode="live")["key"])
    path = f"/v1/webhooks/{made['id']}"
    assert client.get(path, headers=live).status_code == 404
    assert client.get("/v1/webhooks", headers=live).json["data"]["webhooks"] == []
    assert client.delete(path, headers=admin).status_code == 200
    for answer in (
        client.get(path, headers=admin),
        client.patch(path, json={"enabled": True}, headers=admin),
        client.get(f"{path}/deliveries", headers=admin),
        client.post(f"{path}/test", json={}, headers=admin),
        client.get("/v1/webhooks/task_1", headers=admin),
    ):
        assert answer.status_code == 404


def test_a_rotated_secret_waits_to_be_activated(client, admin, made):
    path = f"/v1/webhooks/{made['id']}"
    assert client.post(f"{path}/activate-secret", json={}, headers=admin).status_code == 409
    rotated = client.post(f"{path}/rotate-secret", json={}, headers=admin).json["data"]
    assert rotated["secret"] != made["secret"]
    assert rotated["secret_pending_since"] is not None
    active = client.post(f"{path}/activate-secret", json={}, headers=admin).json["data"]
    assert active["secret_pending_since"] is None


def test_deliveries_are_shown_held_and_sent_again(client, admin, made):
    path = f"/v1/webhooks/{made['id']}"
    client.patch(path, json={"enabled": False}, headers=admin)
    assert client.post(f"{path}/test", json={}, headers=admin).status_code == 409
    client.post("/v1/tasks", json={"title": "One"}, headers=admin)
    (held,) = client.get(f"{path}/deliveries", headers=admin).json["data"]["deliveries"]
    assert (held["status"], held["attempts"]) == ("held", [])
    assert json.loads(held["body"])["data"]["title"] == "One"
    client.patch(path, json={"enabled": True}, headers=admin)
    webhooks.deliver_all(made["id"])
    (sent,) = client.get(f"{path}/deliveries", headers=admin).json["data"]["deliveries"]
    assert (sent["status"], sent["attempts"][0]["status_code"]) == ("delivered", 200)
    again = client.post(f"{path}/deliveries/{sent['id']}/redeliver", json={}, headers=admin)
    assert again.json["data"]["status"] == "pending"
    since = {"since": "2020-01-01T00:00:00Z"}
    replayed = client.post(f"{path}/replay", json=since, headers=admin).json["data"]
    assert replayed["deliveries"] == 1
    missing = client.post(f"{path}/deliveries/dlv_1/redeliver", json={}, headers=admin)
    assert missing.status_code == 404
