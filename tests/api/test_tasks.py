"""`/v1/tasks`: creating, reading, cancelling, retrying."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from kyros_worker.database import read
from kyros_worker.event.tables import Event
from kyros_worker.submission.tables import Submission
from kyros_worker.task.states import STATES
from kyros_worker.task.tables import Task
from tests import factories
from tests.credentials import bearer

pytestmark = pytest.mark.usefixtures("no_tasks")

NEW = {"title": "Add a login", "metadata": {"sandbox": {"delay_seconds": 0}}}
ID = re.compile(r"task_\d{13,}")


def counts():
    with read() as connection:
        return [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (Task, Submission, Event)
        ]


def post(client, headers, path="/v1/tasks", body=None, **options):
    return client.post(path, headers=headers, json=NEW if body is None else body, **options)


def test_create(client, admin):
    answer = post(client, admin)
    assert answer.status_code == 201
    assert answer.json["success"] is True
    task = answer.json["data"]
    assert ID.fullmatch(task["id"])
    assert task["id"].count("_") == 1
    assert (task["status"], task["state"], task["mode"]) == ("pending", "queued", "test")
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.get(f"/v1/tasks/{task['id']}", headers=admin).json["data"] == task


def test_the_request_id_goes_along(client, admin):
    answer = post(client, {**admin, "X-Request-Id": "from-the-client"})
    assert answer.headers["X-Request-Id"] == "from-the-client"
    (submission,) = factories.submissions(answer.json["data"]["id"])
    assert submission.request_id == "from-the-client"


@pytest.mark.parametrize("description", [None, "", "x" * 512 * 1024, "Zeile 1\nZeile 2 🔑"])
def test_descriptions(client, admin, description):
    answer = post(client, admin, body={**NEW, "description": description})
    assert answer.json["data"]["description"] == (description or "")


@pytest.mark.parametrize("path", ["/v1/tasks/", "/v1/v1/tasks", "/v1//tasks"])
def test_other_spellings(client, admin, path):
    assert post(client, admin, path).status_code == 201
    answer = client.get(path, headers=admin)
    assert (answer.status_code, len(answer.json["data"]["tasks"])) == (200, 1)


def test_a_get_may_have_a_content_type(client, admin):
    task_id = factories.create()["id"]
    for path in ("/v1/tasks", f"/v1/tasks/{task_id}", f"/v1/tasks/{task_id}/status"):
        answer = client.get(path, headers={**admin, "Content-Type": "application/json"})
        assert answer.status_code == 200


#: Values that come back as sent: any keys in any order, integers of any size, any Unicode.
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**300), 10**300)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8).filter(
        lambda key: key != "sandbox"
    ),
    VALUES,
    max_size=4,
)


@given(metadata=OBJECTS)
@settings(
    max_examples=60,
    suppress_health_check=list(HealthCheck),
)
def test_metadata_comes_back_as_sent(client, admin, metadata):
    made = post(client, admin, body={"title": "x", "metadata": metadata}).json["data"]
    got = client.get(f"/v1/tasks/{made['id']}", headers=admin)
    listed = client.get("/v1/tasks?limit=1", headers=admin)
    for answer in (made, got.json["data"], listed.json["data"]["tasks"][0]):
        assert answer["metadata"] == metadata
        assert json.dumps(answer["metadata"]) == json.dumps(metadata), "in the same order"


def test_big_integers_and_integer_like_keys(client, admin):
    body = '{"title":"x","metadata":{"b":1,"2":12345678901234567890123,"1":-0.5,"é":1e2}}'
    answer = client.post("/v1/tasks", headers=admin, data=body.encode(),
                         content_type="application/json")  # fmt: skip
    assert '"metadata":{"b":1,"2":12345678901234567890123,"1":-0.5,"é":100.0}' in answer.text


@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [
        (b"", 422, None),
        (b"{", 400, []),
        (b"[]", 422, [""]),
        (b'"x"', 422, [""]),
        (b"\xff", 400, []),
        (b'{"title": "x", "title": "y"}', 400, []),
        (b'{"title": "x", "metadata": {"a": {"b": 1, "b": 2}}}', 400, []),
        (b'{"title": "x", "metadata": {"a": NaN}}', 422, ["metadata.a"]),
        (b'{"title": "x", "metadata": {"a": [1, Infinity]}}', 422, ["metadata.a[1]"]),
        (b'{"title": "x", "metadata": {"a": 1e999}}', 422, ["metadata.a"]),
        (b'{"title": "\\u0000"}', 422, ["title"]),
        (b'{"title": "\\ud800"}', 422, ["title"]),
        (b'{"title": "x", "metadata": {"\\u0000": 1}}', 422, None),
        (b'{"title": "x", "metadata": ' + b'{"a":' * 64 + b"1" + b"}" * 64 + b"}", 422, None),
        (b'{"title": "x", "typo": 1}', 422, ["typo"]),
        (b'{"title": ""}', 422, ["title"]),
        (b'{"title": 1, "priority": "urgent"}', 422, ["title", "priority"]),
        (b'{"title": "x", "metadata": {"sandbox": 1}}', 422, ["metadata.sandbox"]),
        (
            b'{"title": "x", "metadata": {"sandbox": {"critic": {"score": 2}}}}',
            422,
            ["metadata.sandbox.critic.score"],
        ),
        (b'{"title": "x", "acceptance_criteria": ["a", ""]}', 422, ["acceptance_criteria[1]"]),
        (b'{"title": "x", "description": "' + b"x" * (512 * 1024 + 1) + b'"}', 422,
         ["description"]),
        (b'{"title": "' + b"x" * (2 * 1024 * 1024) + b'"}', 413, []),
    ],
)  # fmt: skip
def test_bad_input_stores_nothing(client, admin, body, status, fields):
    answer = client.post("/v1/tasks", headers=admin, data=body, content_type="application/json")
    assert answer.status_code == status, answer.text
    assert answer.json["success"] is False
    assert answer.json["error"].endswith(".")
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    if fields is not None:
        assert [one["field"] for one in answer.json["details"]] == fields
    assert counts() == [0, 0, 0]


def test_another_media_type(client, admin):
    answer = client.post("/v1/tasks", headers=admin, data=b"title=x",
                         content_type="application/x-www-form-urlencoded")  # fmt: skip
    assert (answer.status_code, counts()) == (415, [0, 0, 0])


def test_a_batch(client, admin):
    tasks = [{**NEW, "title": f"No. {n}"} for n in range(3)]
    answer = post(client, admin, "/v1/tasks/batch", {"tasks": tasks})
    assert answer.status_code == 201
    assert [one["title"] for one in answer.json["data"]["tasks"]] == [one["title"] for one in tasks]
    assert counts() == [3, 3, 6]


@pytest.mark.parametrize(
    ("third", "field"),
    [
        ({"title": ""}, "tasks[2].title"),
        ({"title": "x", "metadata": {"sandbox": {"score": 2}}}, "tasks[2].metadata.sandbox.score"),
        (None, "tasks[2]"),
    ],
)
def test_a_batch_is_all_or_nothing(client, admin, third, field):
    answer = post(client, admin, "/v1/tasks/batch", {"tasks": [NEW, NEW, third]})
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json["details"]] == [field]
    assert counts() == [0, 0, 0]


@pytest.mark.parametrize("count", [0, 1001])
def test_the_size_of_a_batch(client, admin, count):
    answer = post(client, admin, "/v1/tasks/batch", {"tasks": [NEW] * count})
    assert (answer.status_code, counts()) == (422, [0, 0, 0])


def test_live_work_needs_a_model(client, new_key):
    live = bearer(new_key("admin", mode="live")["key"])
    for path, body in (("/v1/tasks", NEW), ("/v1/tasks/batch", {"tasks": [NEW, NEW]})):
        answer = post(client, live, path, body)
        assert (answer.status_code, answer.json["code"]) == (422, "model_not_configured")
        assert "KYROS_CONFIG" in answer.json["error"]
    assert counts() == [0, 0, 0]


def test_a_mode_sees_its_own_only(client, admin, new_key):
    live = bearer(new_key("admin", mode="live")["key"])
    of_live, of_test = factories.in_state("cancelled"), factories.in_state("cancelled")
    factories.change(Task, of_live, mode="live")
    for headers, seen, unseen in ((admin, of_test, of_live), (live, of_live, of_test)):
        listed = client.get("/v1/tasks", headers=headers).json["data"]["tasks"]
        assert [one["id"] for one in listed] == [seen]
        for path in ("", "/status", "/timeline"):
            assert client.get(f"/v1/tasks/{seen}{path}", headers=headers).status_code == 200
            assert client.get(f"/v1/tasks/{unseen}{path}", headers=headers).status_code == 404
        for act in ("cancel", "retry"):
            assert client.post(f"/v1/tasks/{unseen}/{act}", headers=headers).status_code == 404
        assert client.get(f"/v1/tasks/{unseen}/stream", headers=headers).status_code == 404
        body = {"task_id": unseen}
        answer = client.post("/v1/agents/critic/submit", headers=headers, json=body)
        assert answer.status_code == 404
    assert factories.row(Task, of_live).state == factories.row(Task, of_test).state == "cancelled"


CALLS = [
    ("POST", "/v1/tasks", "tasks:write"),
    ("POST", "/v1/tasks/batch", "tasks:write"),
    ("GET", "/v1/tasks", "tasks:read"),
    ("GET", "/v1/tasks/{id}", "tasks:read"),
    ("GET", "/v1/tasks/{id}/status", "tasks:read"),
    ("GET", "/v1/tasks/{id}/timeline", "tasks:read"),
    ("GET", "/v1/tasks/{id}/stream", "tasks:read"),
    ("POST", "/v1/tasks/{id}/cancel", "tasks:write"),
    ("POST", "/v1/tasks/{id}/retry", "tasks:write"),
    ("POST", "/v1/agents/critic/submit", "agents:submit"),
]


def test_permissions(client, new_key):
    task_id = factories.in_state("completed")
    keys = {
        permission: bearer(new_key(permission)["key"])
        for permission in ("tasks:read", "tasks:write", "agents:submit", "monitoring:read")
    }
    for method, path, needed in CALLS:
        call = {"path": path.format(id=task_id), "method": method}
        assert client.open(**call).status_code == 401
        for permission, headers in keys.items():
            answer = client.open(**call, headers=headers)
            if permission == needed:
                assert answer.status_code not in (401, 403)
            else:
                assert answer.status_code == 403
                assert needed in answer.json["error"]
                assert "data" not in answer.json


@pytest.mark.parametrize("task_id", ["null", "task_0000000000000", "task_", "x" * 3000, "%00"])
def test_a_task_that_is_not_there(client, admin, task_id):
    """The guide's polling loops read `data.status`, and end on it."""
    for path in ("", "/status", "/timeline", "/stream", "?wait=60", "/status?wait=60"):
        answer = client.get(f"/v1/tasks/{task_id}{path}", headers=admin)
        assert answer.status_code == 404
        assert answer.json["success"] is False
        if task_id != "%00":
            assert answer.json["data"]["status"] == "failed"
            assert answer.json["data"]["error"] == answer.json["error"]
    for act in ("cancel", "retry"):
        assert client.post(f"/v1/tasks/{task_id}/{act}", headers=admin).status_code == 404


@pytest.mark.parametrize("state", [*STATES, "waiting"])
def test_reading_in_every_state(client, admin, state):
    task_id = factories.in_state(state)
    task = client.get(f"/v1/tasks/{task_id}", headers=admin).json["data"]
    status = client.get(f"/v1/tasks/{task_id}/status", headers=admin)
    assert status.headers["Cache-Control"] == "no-store"
    assert status.json["data"].keys() == {"id", "status", "progress", "updated_at"}
    assert task.items() >= status.json["data"].items()
    assert task["state"] == ("running" if state == "waiting" else state)
    assert task["cancelled"] == (state == "cancelled")
    assert (task["error"] is not None) == (task["status"] == "failed")
    assert (task["result"] is not None) == (state == "completed")
    assert task["progress"].keys() == {"percentage", "stage", "message"}


@pytest.mark.parametrize("act", ["cancel", "retry"])
@pytest.mark.parametrize("body", [None, {}, {"a": 1}])
def test_cancel_and_retry(client, admin, act, body):
    task_id = factories.in_state("queued" if act == "cancel" else "failed")
    answer = client.post(f"/v1/tasks/{task_id}/{act}", headers=admin, json=body)
    if body:
        assert (answer.status_code, answer.json["details"][0]["field"]) == (422, "a")
        return
    assert answer.status_code == 200
    assert answer.json["data"]["state"] == ("cancelled" if act == "cancel" else "queued")
    answer = client.post(f"/v1/tasks/{task_id}/{act}", headers=admin)
    assert (answer.status_code, answer.json["code"]) == (409, "wrong_state")
    assert ("cancelled" if act == "cancel" else "queued") in answer.json["error"]


def test_cancel_without_any_body_or_content_type(client, admin):
    task_id = factories.create()["id"]
    assert client.post(f"/v1/tasks/{task_id}/cancel", headers=admin).status_code == 200


def test_a_timeline(client, admin):
    task_id = factories.in_state("completed", sandbox={"refusals": 1})
    path = f"/v1/tasks/{task_id}/timeline"
    whole = client.get(path, headers=admin).json["data"]
    assert (whole["has_more"], whole["next_cursor"]) == (False, None)
    events = whole["events"]
    assert [one["seq"] for one in events] == list(range(1, len(events) + 1))
    assert [one["type"] for one in events] == factories.types(task_id)
    final = client.get(f"/v1/tasks/{task_id}", headers=admin).json["data"]
    assert events[-1]["data"] == final
    seen, cursor = [], None
    while True:
        query = {"limit": 7, **({"cursor": cursor} if cursor else {})}
        page = client.get(path, headers=admin, query_string=query).json["data"]
        seen += page["events"]
        cursor = page["next_cursor"]
        assert page["has_more"] == (cursor is not None)
        if cursor is None:
            break
    assert seen == events
