"""`/v1/system`: maintenance."""

import pytest
from sqlalchemy import func, select, text

from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.dispatch import sweeps
from kyros_worker.event.tables import SystemEvent
from kyros_worker.submission.tables import Submission
from tests import factories
from tests.credentials import bearer
from tests.live_models import configured, on
from tests.publishing import Broker, ids, publish

URL = "/v1/system/maintenance"
OFF = {"enabled": False, "message": None, "changed_by": None, "changed_at": None}


@pytest.fixture(autouse=True)
def _no_maintenance(no_tasks):
    forget()
    yield
    forget()


def forget():
    with transaction() as connection:
        connection.execute(text("TRUNCATE maintenance, system_events"))


@pytest.fixture
def change(client, admin):
    def post(enabled, headers=None, **fields):
        return client.post(URL, json={"enabled": enabled, **fields}, headers=headers or admin)

    return post


def told():
    with read() as connection:
        rows = connection.execute(
            select(SystemEvent)
            .where(SystemEvent.type == "system.maintenance")
            .order_by(SystemEvent.id)
        ).all()
    assert {row.mode for row in rows} <= {None}
    return [row.data for row in rows]


def test_each_change_is_told_once(client, admin, change):
    assert client.get(URL, headers=admin).json["data"] == OFF
    assert change(False).json["data"] == OFF
    begun = change(True, message="A move.").json["data"]
    assert (begun["enabled"], begun["message"]) == (True, "A move.")
    assert begun["changed_by"].startswith("key_")
    assert change(True, message="A move.").json["data"] == begun
    assert client.get(URL, headers=admin).json["data"] == begun
    ended = change(False).json["data"]
    assert (ended["enabled"], ended["message"]) == (False, None)
    assert told() == [begun, ended]


def test_the_same_key_is_done_once(client, admin, change):
    headers = admin | {"Idempotency-Key": "a-maintenance"}
    first = change(True, headers).json["data"]
    change(False)
    again = change(True, headers)
    assert (again.json["data"], again.headers["Idempotent-Replayed"]) == (first, "true")
    assert client.get(URL, headers=admin).json["data"]["enabled"] is False


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "enabled"), ({"enabled": "on"}, "enabled"), ({"enabled": 1}, "enabled"),
     ({"enabled": True, "message": "x" * 1001}, "message"), ({"enabled": True, "by": 1}, "by")],
)  # fmt: skip
def test_wrong_fields(client, admin, body, field):
    answer = client.post(URL, json=body, headers=admin)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json["details"]] == [field]


def test_who_may(client, new_key, change):
    reader = bearer(new_key("monitoring:read")["key"])
    assert client.get(URL, headers=reader).status_code == 200
    assert change(True, reader).status_code == 403
    other = bearer(new_key("tasks:read")["key"])
    assert client.get(URL, headers=other).status_code == 403


@pytest.mark.parametrize(("mode", "status"), [("test", 403), ("live", 200)])
def test_of_live_work_a_live_admin_decides(new_key, change, tmp_path, mode, status):
    headers = bearer(new_key("admin", mode=mode)["key"])
    with configured(tmp_path / "models.toml", on("http://127.0.0.1:9/v1")):
        assert change(True, headers).status_code == status
    assert len(told()) == (status == 200)


def test_nothing_new_begins_until_it_ends(change):
    running = factories.begin(factories.create()["submission_id"])
    published = factories.create()["submission_id"]
    assert publish(Broker()) == 1
    change(True)
    fresh = factories.create()["submission_id"]
    assert publish(Broker()) == 0
    assert factories.begin(published) is None
    factories.finish(running)
    following = factories.current_submission(running.task_id)
    assert following != running.submission_id
    assert factories.begin(following) is None
    sweeps.after_maintenance()
    assert publish(Broker()) == 0
    change(False)
    sweeps.after_maintenance()
    broker = Broker()
    publish(broker)
    assert ids(broker) == sorted([published, fresh, following])
    assert factories.begin(published) is not None
    sweeps.after_maintenance()
    assert publish(Broker()) == 0


def test_who_dies_before_all_is_published_again_repeats_it(change, monkeypatch):
    submission_id = factories.create()["submission_id"]
    publish(Broker())
    change(True)
    change(False, message="It is over.")
    with monkeypatch.context() as patched:
        patched.setattr(sweeps, "resumed", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            sweeps.after_maintenance()
    factories.change(Submission, submission_id, published=1, published_at=func.now(),
                     publish_at=now().replace(year=2999))  # fmt: skip
    change(False)
    sweeps.after_maintenance()
    assert publish(Broker()) == 1
