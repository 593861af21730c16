import re

import pytest

from kyros_worker.database import read, transaction
from kyros_worker.webhook.endpoints import list_webhooks
from kyros_worker.webhook.tables import Attempt
from tests import webhooks
from tests.browser import form_id

URL = "https://example.com/hook"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")


@pytest.fixture
def jo(browser, no_webhooks):
    return browser("operator")


def create(jo, **fields):
    fields = {"url": URL, "events": ["task.completed", "task.failed"], **fields}
    return jo.post(
        "/settings/webhooks", form_id=form_id(jo.get("/settings/webhooks/new")), **fields
    )


def stored():
    with read() as connection:
        return list_webhooks(connection, "test", 10, None)


@pytest.fixture
def path(jo):
    create(jo)
    return f"/settings/webhooks/{stored()[0]['id']}"


def test_a_new_webhook_and_its_secret(jo):
    identity = form_id(jo.get("/settings/webhooks/new"))
    fields = {"form_id": identity, "url": URL, "events": ["*"], "description": "ours"}
    page = jo.post("/settings/webhooks", **fields)
    assert page.status_code == 201
    assert len(set(SECRET.findall(page.text))) == 1
    [webhook] = stored()
    assert (webhook["url"], webhook["events"], webhook["mode"]) == (URL, ["*"], "test")
    again = jo.post("/settings/webhooks", **fields)
    assert (again.status_code, SECRET.search(again.text)) == (200, None)
    assert len(stored()) == 1
    assert SECRET.search(jo.get(f"/settings/webhooks/{webhook['id']}").text) is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"url": ""}, "Is required."), ({"url": "ftp://example.com"}, "can't be called"),
     ({"url": "http://169.254.169.254/"}, "can't be called"),
     ({"events": []}, "Choose one or more."),
     ({"events": ["task.deleted"]}, "Must be"), ({"description": "x" * 1001}, "at most 1000")],
)  # fmt: skip
def test_what_is_wrong_stands_beside_its_field(jo, fields, said):
    page = create(jo, **{"description": "typed before", **fields})
    assert page.status_code == 422
    assert said.lower() in page.text.replace("&#39;", "'").lower()
    assert "description" in fields or 'value="typed before"' in page.text
    assert not stored()


def test_changing(jo, path):
    page = jo.get(path)
    assert re.search(r'value="task.failed" checked', page.text)
    fields = {"url": f"{URL}/2", "events": ["task.*"], "description": ""}
    assert jo.save(path, **fields).location == path
    [webhook] = stored()
    assert (webhook["url"], webhook["events"]) == (f"{URL}/2", ["task.*"])
    for wrong in ({"url": ""}, {"events": []}):
        assert jo.save(path, **{**fields, **wrong}).status_code == 422
    assert stored() == [webhook]


def test_pausing(jo, path):
    jo.post(f"{path}/disable")
    assert not stored()[0]["enabled"]
    page = jo.get(path)
    assert "somebody disabled it." in page.text
    assert jo.post(f"{path}/test").status_code == 409
    jo.post(f"{path}/enable")
    assert stored()[0]["enabled"]


def test_rotating(jo, path):
    identity = form_id(jo.get(f"{path}/rotate-secret"))
    page = jo.post(f"{path}/rotate-secret", form_id=identity)
    assert SECRET.search(page.text)
    assert not SECRET.search(jo.post(f"{path}/rotate-secret", form_id=identity).text)
    assert "Activate the new secret" in jo.get(path).text
    assert jo.post(f"{path}/activate-secret").location == path
    assert "Activate the new secret" not in jo.get(path).text
    assert jo.post(f"{path}/activate-secret").status_code == 409


def test_deliveries(jo, path):
    assert "Nothing has been sent yet." in jo.get(path).text
    assert jo.post(f"{path}/test").location == path
    [delivery] = webhooks.deliveries(stored()[0]["id"])
    answer = "\n".join(f"line {number}" for number in range(50))
    with transaction() as connection:
        connection.execute(
            Attempt.__table__.insert().values(
                delivery_id=delivery.id, number=1, at=delivery.created_at, duration_seconds=1,
                headers={}, status_code=503, answer=answer, error=None,
            )
        )  # fmt: skip
    page = jo.get(path)
    assert "status 503" in page.text
    assert "line 9…" in page.text
    assert "line 10" not in page.text
    again = f"{path}/deliveries/{delivery.id}/redeliver"
    assert again in page.text
    assert jo.post(again).location == path
    assert jo.post(f"{path}/deliveries/dlv_1234567890123/redeliver").status_code == 404


def test_deleting(jo, path):
    assert "Delete the webhook?" in jo.get(f"{path}/delete").text
    assert len(stored()) == 1
    assert jo.post(f"{path}/delete").location == "/settings/webhooks"
    assert not stored()
    assert jo.get(path).status_code == 404
    assert "No test webhooks yet" in jo.get("/settings/webhooks").text


@pytest.mark.parametrize("webhook_id", ["whk_1234567890123", "x", "whk_%00", "whk_é"])
def test_no_such_webhook(jo, webhook_id):
    for page in ("", "/rotate-secret", "/delete"):
        assert jo.get(f"/settings/webhooks/{webhook_id}{page}").status_code == 404
    for act in ("enable", "test", "delete", "activate-secret", "deliveries/x/redeliver"):
        assert jo.post(f"/settings/webhooks/{webhook_id}/{act}").status_code == 404
