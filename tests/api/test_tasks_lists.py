"""`GET /v1/tasks`: filters, pages and cursors."""

import base64
from datetime import timedelta
from hashlib import sha256

import pytest
from sqlalchemy import delete

from kyros_worker.clock import now, rfc3339
from kyros_worker.cursor import encode
from kyros_worker.database import transaction
from kyros_worker.event.tables import Event
from kyros_worker.submission.tables import Submission
from kyros_worker.task.tables import Task
from tests import factories
from tests.credentials import bearer

pytestmark = pytest.mark.usefixtures("no_tasks")

PATH = "/v1/tasks"


@pytest.fixture
def get(client, admin):
    def get(path=PATH, **query):
        return client.get(path, headers=admin, query_string=query)

    return get


@pytest.fixture
def titles(get):
    def titles(**query):
        answer = get(**query)
        assert answer.status_code == 200, answer.text
        return [one["title"] for one in answer.json["data"]["tasks"]]

    return titles


def test_nothing(get):
    assert get().json["data"] == {"tasks": [], "next_cursor": None, "has_more": False}


def test_newest_first(titles):
    for number in range(5):
        factories.create(title=str(number))
    assert titles() == list("43210")


def test_filters(titles):
    states = {
        "queued": "pending", "running": "in_progress", "awaiting_approval": "in_progress",
        "completed": "completed", "failed": "failed", "cancelled": "failed",
    }  # fmt: skip
    for state in states:
        factories.in_state(state, title=state)
    factories.create(title="another", type="review", priority="high")
    for state, status in states.items():
        assert state in titles(state=state)
        assert state in titles(status=status)
    assert titles(state="running") == ["running"]
    assert titles(status="failed") == ["cancelled", "failed"]
    assert titles(type="review") == titles(priority="high") == ["another"]
    assert titles(assignee_role="critic") == ["another"]
    assert titles(type="review", priority="low") == []
    assert titles(state="running", status="in_progress") == ["running"]
    assert titles(state="cancelled", status="failed") == ["cancelled"]
    assert titles(state="completed", status="failed") == []
    assert titles(type="nothing_of_this_type") == titles(assignee_role="nobody") == []
    assert titles(state="queued", priority="high", type="review", assignee_role="critic") == [
        "another"
    ]


def test_times(titles):
    at = now()
    for seconds, title in ((-10, "old"), (0, "now"), (10, "new")):
        made = factories.create(title=title)["id"]
        moved = at + timedelta(seconds=seconds)
        digits = f"{int(moved.timestamp())}{moved.microsecond:06d}"
        # An id begins with the time of creation.
        with transaction() as connection:
            for table in (Event, Submission):
                connection.execute(delete(table).where(table.task_id == made))
        factories.change(Task, made, id=f"task_{digits}0000001", created_at=moved)
    exact = rfc3339(at)
    assert titles(created_after=exact) == ["new"], "what was made at that moment is not after it"
    assert titles(created_before=exact) == ["old"]
    just = rfc3339(at + timedelta(microseconds=1)), rfc3339(at - timedelta(microseconds=1))
    assert titles(created_before=just[0], created_after=just[1]) == ["now"]
    for first, last in (("1969-12-31T23:59:59Z", "9999-12-31T23:59:59.999999Z"),
                        ("0001-01-01T00:00:00Z", "2300-01-01T00:00:00+01:00")):  # fmt: skip
        assert titles(created_after=first, created_before=last) == ["new", "now", "old"]
        assert titles(created_after=last) == titles(created_before=first) == []


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("login", ["Add a login", "Fix"]),
        ("LOGIN", ["Add a login", "Fix"]),
        ("login broken", ["Fix"]),
        ('"is broken"', ["Fix"]),
        ('"broken is"', []),
        ("login -broken", ["Add a login"]),
        ("logout or broken", ["Fix"]),
        ("Straße", ["Fix"]),
        ("log", []),
        ("!!!", []),
        ("' OR 1=1 --", []),
        ("%", []),
        ("\\", []),
        ("&|!():*", []),
        ("ログイン", ["🔑 ログイン"]),
    ],
)
def test_words(titles, q, expected):
    factories.create(title="🔑 ログイン")
    factories.create(title="Fix", description="The login is broken in the Straße.")
    factories.create(title="Add a login")
    assert titles(q=q) == expected


def test_words_at_the_end_of_a_long_description_are_not_searched_but_it_is_stored(titles):
    long = "".join(f"w{number} " for number in range(60_000))
    factories.create(title="long", description=long)
    assert titles(q="w1") == ["long"]
    assert titles(q="w59999") == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 200])
def test_pages(get, limit):
    made = [factories.create()["id"] for _ in range(7)][::-1]
    seen, query = [], {"limit": limit}
    while True:
        page = get(**query).json["data"]
        assert len(page["tasks"]) <= limit
        assert page["has_more"] == (page["next_cursor"] is not None)
        seen += [one["id"] for one in page["tasks"]]
        if not page["has_more"]:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == made


def test_paging_while_tasks_are_added(get):
    """What was there at the first page is seen once; what came later is not in the way."""
    made = [factories.create(priority="high")["id"] for _ in range(10)][::-1]
    seen, query = [], {"limit": 3, "priority": "high"}
    for _ in range(4):
        page = get(**query).json["data"]
        seen += [one["id"] for one in page["tasks"]]
        query["cursor"] = page["next_cursor"]
        factories.create_all(*(factories.new_task(priority="high") for _ in range(5)))
    assert seen == made
    assert query["cursor"] is None


def test_a_batch_is_paged_like_any_other(get):
    made = factories.create_all(*(factories.new_task() for _ in range(30)))
    seen, query = [], {"limit": 4}
    while "cursor" not in query or query["cursor"]:
        page = get(**query).json["data"]
        seen += [one["id"] for one in page["tasks"]]
        query["cursor"] = page["next_cursor"]
    assert len(seen) == 30
    assert set(seen) == {one["id"] for one in made}


@pytest.mark.parametrize(("limit", "status"), [("1", 200), ("200", 200), ("201", 422), ("0", 422),
                                               ("-1", 422), ("x", 422), ("1.0", 422)])  # fmt: skip
def test_limits(get, limit, status):
    assert get(limit=limit).status_code == status


def scope_of(last):
    return base64.urlsafe_b64encode(f"{sha256(b'x').hexdigest()[:12]}{last}".encode()).decode()


@pytest.mark.parametrize(
    "cursor", ["x", "AAAA", "task_1", "-", "_" * 256, scope_of("task_1").rstrip("=")]
)
def test_a_made_up_cursor(get, cursor):
    answer = get(cursor=cursor)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json["details"]] == ["cursor"]


def test_a_cursor_of_other_filters(get):
    factories.create_all(*(factories.new_task(priority="high") for _ in range(3)))
    cursor = get(limit=1).json["data"]["next_cursor"]
    assert get(limit=2, cursor=cursor).status_code == 200, "another limit is the same list"
    for query in ({"priority": "high"}, {"q": "login"}, {"state": "queued"},
                  {"created_after": "2026-01-01T00:00:00Z"}):  # fmt: skip
        assert get(cursor=cursor, **query).status_code == 422
    assert get(f"/v1/tasks/{factories.create()['id']}/timeline", cursor=cursor).status_code == 422


def test_a_cursor_of_the_other_mode(client, admin, new_key):
    factories.create_all(*(factories.new_task() for _ in range(3)))
    cursor = client.get("/v1/tasks?limit=1", headers=admin).json["data"]["next_cursor"]
    live = bearer(new_key("admin", mode="live")["key"])
    assert client.get(f"/v1/tasks?cursor={cursor}", headers=live).status_code == 422


@pytest.mark.parametrize("seq", ["x", "-1", "9" * 20, "1.5", "1_0", "task_1"])
def test_a_made_up_cursor_of_a_timeline(get, seq):
    task_id = factories.create()["id"]
    cursor = encode(seq, f"timeline {task_id}")
    assert get(f"/v1/tasks/{task_id}/timeline", cursor=cursor).status_code == 422


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=x", "state"),
        ("status=queued", "status"),
        ("priority=x", "priority"),
        ("type=X", "type"),
        ("created_after=now", "created_after"),
        ("q=", "q"),
        ("q=" + "x" * 301, "q"),
        ("unknown=1", "unknown"),
        ("limit=1&limit=2", "limit"),
        ("q=%00", ""),
        ("q=%ff", ""),
        ("q=%ed%a0%80", ""),
    ],
)
def test_wrong_queries(client, admin, query, field):
    answer = client.get(f"{PATH}?{query}", headers=admin)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json["details"]] == [field]
