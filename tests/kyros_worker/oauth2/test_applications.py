"""What admins do with applications."""

import pytest

from kyros_worker.database import engine, read, transaction
from kyros_worker.errors import InvalidError, NotFoundError
from kyros_worker.oauth2 import applications, queries
from tests.applications import CALLBACK, TESTS
from tests.people import audit_entries
from tests.statements import statements


@pytest.fixture
def application(new_application):
    return new_application(permissions=["tasks:read", "tasks:write"])


def change(application, **changes):
    with transaction() as connection:
        return applications.change(connection, TESTS, application["id"], **changes)


def test_changing_one(application):
    changed = change(application, name="Mine", permissions=["tasks:read"])
    assert (changed["name"], changed["permissions"]) == ("Mine", ["tasks:read"])
    assert (changed["redirect_uris"], changed["acts_for_itself"]) == ([CALLBACK], False)
    assert changed["updated_at"] > application["updated_at"]
    entry = audit_entries("oauth2_application.change")[0]
    assert (entry["actor"], entry["target"]) == (TESTS.id, application["id"])
    assert entry["details"] == {
        "before": {"name": "Your app", "permissions": ["tasks:read", "tasks:write"]},
        "after": {"name": "Mine", "permissions": ["tasks:read"]},
    }


def test_what_changes_nothing_is_no_change(application):
    before = audit_entries("oauth2_application.change")
    same = {
        "name": "Your app",
        "redirect_uris": [CALLBACK],
        "permissions": ["tasks:write", "tasks:read", "tasks:read"],
        "acts_for_itself": False,
    }
    for changes in ({}, same):
        assert change(application, **changes)["updated_at"] == application["updated_at"]
    assert audit_entries("oauth2_application.change") == before


def test_a_change_is_one_update(application):
    with statements(engine()) as seen:
        change(application, name="Mine")
    assert sum("UPDATE oauth2_applications" in statement for statement, _ in seen) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": " a"}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"name": "\u3164"}, "name"),
        ({"redirect_uris": []}, "redirect_uris"),
        ({"redirect_uris": ["x"]}, "redirect_uris[0]"),
        ({"permissions": []}, "permissions"),
        ({"permissions": ["everything"]}, "permissions[0]"),
    ],
)
def test_what_is_wrong_is_named(application, changes, field):
    with pytest.raises(InvalidError) as caught:
        change(application, **changes)
    assert [one.field for one in caught.value.details] == [field]
    with read() as connection:
        found = queries.application(connection, application["id"])
    assert found["updated_at"] == application["updated_at"]


def test_none_of_that_id(no_applications):
    for wrong in ("oac_1790000000000000", "oac_1", ""):
        with pytest.raises(NotFoundError):
            change({"id": wrong}, name="Mine")
