"""`wait` and `stream`, over a real server's sockets."""

import json
import threading
import time

import httpx
import pytest

from kyros_worker.database import transaction
from kyros_worker.task.cancel import cancel_task
from kyros_worker.task.reopen import retry_task
from kyros_worker.task.tables import Task
from tests import factories

pytestmark = pytest.mark.usefixtures("no_tasks")


@pytest.fixture
def http(server, admin):
    host, port = server
    with httpx.Client(base_url=f"http://{host}:{port}", headers=admin, timeout=30) as client:
        yield client


def cancel(task_id):
    with transaction() as connection:
        cancel_task(connection, task_id, "test")


def when_watched(http, task_id, change):
    """Makes the change as soon as the server's process is sure to wait."""
    timer = threading.Timer(0.3, change, [task_id])
    timer.start()
    return timer


@pytest.mark.parametrize("path", ["", "/status"])
def test_a_wait_ends_with_the_task(http, path):
    task_id = factories.create()["id"]
    when_watched(http, task_id, cancel)
    began = time.monotonic()
    answer = http.get(f"/v1/tasks/{task_id}{path}", params={"wait": 30})
    assert answer.json()["data"]["status"] == "failed"
    assert 0.2 < time.monotonic() - began < 25


def test_a_wait_ends_after_its_time(http):
    task_id = factories.in_state("running")
    began = time.monotonic()
    answer = http.get(f"/v1/tasks/{task_id}", params={"wait": 1})
    assert answer.json()["data"]["status"] == "in_progress"
    assert 0.9 < time.monotonic() - began < 25


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
def test_for_a_final_task_nobody_waits(http, state):
    task_id = factories.in_state(state)
    began = time.monotonic()
    assert http.get(f"/v1/tasks/{task_id}", params={"wait": 30}).status_code == 200
    assert time.monotonic() - began < 25


def test_progress_does_not_end_a_wait(http):
    task_id = factories.create(type="review")["id"]

    def work(task_id):
        factories.begin(factories.current_submission(task_id))

    when_watched(http, task_id, work)
    began = time.monotonic()
    answer = http.get(f"/v1/tasks/{task_id}/status", params={"wait": 4})
    assert answer.json()["data"]["status"] == "in_progress"
    assert time.monotonic() - began > 3.9


def test_without_a_place_a_wait_answers_at_once(client, admin, no_places):
    task_id = factories.create()["id"]
    began = time.monotonic()
    answer = client.get(f"/v1/tasks/{task_id}?wait=60", headers=admin)
    assert (answer.status_code, answer.json["data"]["status"]) == (200, "pending")
    assert time.monotonic() - began < 50


def test_without_a_place_a_stream_is_refused(client, admin, no_places):
    task_id = factories.create()["id"]
    answer = client.get(f"/v1/tasks/{task_id}/stream", headers=admin)
    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
    assert answer.json["data"] == {}
    assert int(answer.headers["Retry-After"]) > 0
    assert client.get("/v1/tasks/task_0000000000000/stream", headers=admin).status_code == 404


@pytest.mark.parametrize("wait", ["61", "-1", "x", "1.5", ""])
def test_wrong_waits(client, admin, wait):
    task_id = factories.create()["id"]
    for path in ("", "/status"):
        answer = client.get(f"/v1/tasks/{task_id}{path}?wait={wait}", headers=admin)
        assert answer.status_code == 422
        assert answer.json["details"][0]["field"] == "wait"


def events_of(lines):
    """What an event source makes of a stream: (id, event, data) of each."""
    found, fields = [], {}
    for line in lines:
        if line == "":
            if fields:
                found.append((fields.get("id"), fields.get("event"), json.loads(fields["data"])))
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            assert name not in fields
            fields[name] = value
    assert fields == {}
    return found


def stream(http, task_id, last=None):
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    with http.stream("GET", f"/v1/tasks/{task_id}/stream", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Request-Id"]
        return events_of(answer.iter_lines())


def test_the_stream_of_a_final_task_is_its_timeline(http):
    task_id = factories.in_state("completed")
    timeline = http.get(f"/v1/tasks/{task_id}/timeline").json()["data"]["events"]
    found = stream(http, task_id)
    assert found.pop() == (None, "end", {})
    assert [data for _, _, data in found] == timeline
    assert [seq for seq, _, _ in found] == [str(one["seq"]) for one in timeline]
    assert [kind for _, kind, _ in found] == [one["type"] for one in timeline]


@pytest.mark.parametrize("last", [0, 1, 7, 10**6])
def test_last_event_id_resumes(http, last):
    task_id = factories.in_state("completed")
    whole = factories.types(task_id)
    found = stream(http, task_id, last)
    assert [kind for _, kind, _ in found] == [*whole[last:], "end"]


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "", "\uff11", "9" * 10])
def test_wrong_last_event_ids(client, admin, last):
    task_id = factories.create()["id"]
    headers = {**admin, "Last-Event-ID": last.encode().decode("latin-1")}
    answer = client.get(f"/v1/tasks/{task_id}/stream", headers=headers)
    assert answer.status_code == 422
    assert answer.json["details"][0]["field"] == "Last-Event-ID"


def test_a_stream_follows_live_and_ends_with_the_task(http):
    """What happens while it is open is told, each once, in order."""
    task_id = factories.create(sandbox={"refusals": 2})["id"]
    worked = threading.Thread(target=factories.run, args=(task_id,))
    with http.stream("GET", f"/v1/tasks/{task_id}/stream") as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith(":"), "it begins at once"
        worked.start()
        found = events_of(lines)
    worked.join()
    assert [kind for _, kind, _ in found] == [*factories.types(task_id), "end"]
    assert [int(seq) for seq, kind, _ in found if kind != "end"] == list(range(1, len(found)))
    assert found[-2][2]["data"]["result"] == factories.row(Task, task_id).result


def test_many_events_come_in_parts(http):
    task_id = factories.in_state("cancelled")
    for _ in range(60):
        with transaction() as connection:
            retry_task(connection, task_id, "test", "req_1")
        cancel(task_id)
    found = stream(http, task_id)
    assert len(found) == len(factories.types(task_id)) + 1 > 200


def test_who_leaves_gives_the_place_back(client, admin):
    from api import watch

    task_id = factories.create()["id"]
    free = watch._places._value
    answer = client.get(f"/v1/tasks/{task_id}/stream", headers=admin)
    assert watch._places._value == free - 1
    answer.close()
    assert watch._places._value == free
    client.head(f"/v1/tasks/{task_id}/stream", headers=admin).close()
    assert watch._places._value == free


def test_watchers_hold_no_connection(http, server):
    """More streams than a pool has connections would be open at once; others are still served."""
    from sqlalchemy import text

    from kyros_worker.database import read

    task_id = factories.create()["id"]
    streams = []
    try:
        for _ in range(5):
            answer = http.send(
                http.build_request("GET", f"/v1/tasks/{task_id}/stream"), stream=True
            )
            streams.append(answer)
            assert next(answer.iter_raw())
        assert http.get(f"/v1/tasks/{task_id}").status_code == 200
        with read() as connection:
            busy = connection.execute(
                text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                     "AND state LIKE 'idle in transaction%'")
            ).scalar_one()  # fmt: skip
        assert busy == 0
    finally:
        cancel(task_id)
        for answer in streams:
            answer.close()
