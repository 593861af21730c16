import pytest

from kyros_worker import settings
from kyros_worker.audit.actor import Actor
from kyros_worker.audit.write import write_entry
from kyros_worker.database import transaction
from tests.credentials import bearer


def write(target, mode="test", **fields):
    with transaction() as connection:
        write_entry(
            connection, Actor("usr_1", "192.0.2.7"), "thing.do", target, mode=mode, **fields
        )


def test_pages_of_entries(client, admin):
    for number in range(5):
        write("thing_paged", number=number)
    seen, query = [], {"target": "thing_paged", "limit": 2}
    while True:
        answer = client.get("/v1/audit", query_string=query, headers=admin).json["data"]
        seen += [entry["details"]["number"] for entry in answer["entries"]]
        if not answer["has_more"]:
            break
        write("thing_paged", number=99)
        query["cursor"] = answer["next_cursor"]
    assert seen == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"since": "yesterday"}, "since"),
        ({"limit": "0"}, "limit"),
        ({"cursor": "zzzz"}, "cursor"),
        ({"actr": "x"}, "actr"),
        ({"target": "x" * 201}, "target"),
    ],
)
def test_wrong_filters(client, admin, query, field):
    answer = client.get("/v1/audit", query_string=query, headers=admin)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json["details"]] == [field]


@pytest.mark.parametrize("value", ["'; DROP TABLE audit_entries; --", "%", "\\", '" OR ""="'])
def test_a_filter_is_a_value(client, admin, value):
    for name in ("actor", "action", "target"):
        answer = client.get("/v1/audit", query_string={name: value}, headers=admin)
        assert (answer.status_code, answer.json["data"]["entries"]) == (200, [])


def test_modes_are_apart_where_there_are_two(client, new_key, monkeypatch):
    live = bearer(new_key("admin", mode="live")["key"])
    test = bearer(new_key("admin")["key"])
    for mode in ("live", "test", None):
        write("thing_of_two", mode)

    def seen(headers):
        query = {"target": "thing_of_two", "limit": 3}
        answer = client.get("/v1/audit", query_string=query, headers=headers)
        return {entry["mode"] for entry in answer.json["data"]["entries"]}

    assert seen(test) == {"live", "test", None}
    monkeypatch.setattr(settings.Settings, "test_mode", property(lambda _: False))
    assert seen(test) == {"test"}
    assert seen(live) == {"live", None}


def test_admins_alone(client, new_key):
    headers = bearer(new_key("monitoring:read")["key"])
    assert client.get("/v1/audit", headers=headers).status_code == 403
