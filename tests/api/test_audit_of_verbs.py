"""Verbs write down who did them: webhooks, escalations, maintenance."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from kyros_worker.database import transaction
from tests import factories

SECRET = "an-endpoint's-own-secret"
URL = "https://example.com/hook?token=not-to-be-told"


@pytest.fixture
def entries(client, admin, no_tasks):
    """What was written since the test began about the request `x`, oldest first."""

    def read(request_id):
        found = client.get("/v1/audit?limit=200", headers=admin).json["data"]["entries"]
        return [one for one in reversed(found) if one["request_id"] == request_id]

    return read


@pytest.fixture(autouse=True)
def _nothing_left(no_webhooks):
    yield
    with transaction() as connection:
        connection.execute(text("TRUNCATE maintenance, system_events"))


def test_webhooks(client, admin, entries, unique):
    headers = admin | {"X-Request-Id": unique}
    new = {"url": URL, "events": ["task.created"], "secret": SECRET}
    path = "/v1/webhooks"
    made = client.post(path, json=new, headers=headers | {"Idempotency-Key": "x"}).json["data"]
    client.post(path, json=new, headers=headers | {"Idempotency-Key": "x"})
    path += f"/{made['id']}"
    client.patch(path, json={"enabled": False, "url": URL}, headers=headers)
    client.post(f"{path}/activate-secret", json={}, headers=headers)
    client.post(f"{path}/rotate-secret", json={}, headers=headers)
    client.post(f"{path}/activate-secret", json={}, headers=headers)
    client.post(f"{path}/replay", json={"since": "2020-01-01T00:00:00Z"}, headers=headers)
    client.delete(path, headers=headers)
    client.delete(path, headers=headers)
    found = entries(unique)
    assert [one["action"] for one in found] == [
        "webhook.create", "webhook.change", "webhook.rotate_secret", "webhook.activate_secret",
        "webhook.replay", "webhook.delete",
    ]  # fmt: skip
    assert {(one["target"], one["mode"]) for one in found} == {(made["id"], "test")}
    assert {one["address"] for one in found} == {"127.0.0.1"}
    assert {one["actor"] for one in found} == {made["created_by"]}
    assert found[1]["details"] == {"enabled": False, "host": "example.com"}
    assert found[4]["details"] == {"since": "2020-01-01T00:00:00.000000Z", "deliveries": 0}
    assert SECRET not in str(found)
    assert "not-to-be-told" not in str(found)


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_escalations(client, admin, entries, unique, verb):
    task_id = factories.in_state("awaiting_approval")
    listed = client.get(f"/v1/escalations?task_id={task_id}", headers=admin)
    (asked,) = listed.json["data"]["escalations"]
    path, headers = f"/v1/escalations/{asked['id']}/{verb}", admin | {"X-Request-Id": unique}
    assert client.post(path, json={}, headers=headers).status_code == 200
    assert client.post(path, json={}, headers=headers).status_code == 409
    (found,) = entries(unique)
    assert (found["action"], found["target"]) == (f"escalation.{verb}", asked["id"])
    assert (found["mode"], found["details"]) == ("test", {"task_id": task_id})


def test_maintenance(client, admin, entries, unique):
    headers = admin | {"X-Request-Id": unique}
    for enabled in (True, True, False):
        body = {"enabled": enabled, "message": "A move." if enabled else None}
        client.post("/v1/system/maintenance", json=body, headers=headers)
    begun, ended = entries(unique)
    assert begun["action"] == ended["action"] == "system.maintenance"
    assert (begun["mode"], begun["target"]) == (None, None)
    assert begun["details"] == {"enabled": True, "message": "A move."}
    assert ended["details"] == {"enabled": False, "message": None}


@pytest.fixture
def unique():

    return uuid4().hex
