import pytest

from kyros_worker.auth.subject import PERMISSIONS, PERMISSIONS_OF
from kyros_worker.oauth2.scope import DEFAULT, asked, limited

ALL = list(PERMISSIONS)


@pytest.mark.parametrize(
    ("scope", "most", "found"),
    [
        (None, ["admin"], list(DEFAULT)),
        (None, ["webhooks:manage", "tasks:read"], ["tasks:read"]),
        (None, ["webhooks:manage"], None),
        ("tasks:read", ["tasks:read"], ["tasks:read"]),
        ("tasks:write tasks:read tasks:read", ["admin"], ["tasks:read", "tasks:write"]),
        ("admin", ["admin"], ["admin"]),
        ("admin", ["tasks:read"], None),
        ("tasks:read tasks:write", ["tasks:read"], None),
        ("tasks:read openid", ["admin"], None),
        ("TASKS:READ", ["admin"], None),
        ("tasks:read,tasks:write", ["admin"], None),
        ("tasks:read\ttasks:write", ["admin"], None),
        (" ", ["admin"], None),
    ],
)
def test_asked(scope, most, found):
    assert asked(scope, most) == found


@pytest.mark.parametrize(
    ("permissions", "limits", "found"),
    [
        (["tasks:read", "webhooks:manage"], [PERMISSIONS_OF["developer"]], ["tasks:read"]),
        (["tasks:read"], [PERMISSIONS_OF["admin"]], ["tasks:read"]),
        (["admin"], [PERMISSIONS_OF["admin"]], ["admin"]),
        (["admin"], [PERMISSIONS_OF["viewer"]], ["tasks:read", "monitoring:read"]),
        (["admin"], [["tasks:read"], ["admin"]], ["tasks:read"]),
        (["admin"], [["admin"], ["tasks:read"]], ["tasks:read"]),
        (["tasks:read"], [["tasks:write"]], []),
        (["tasks:read"], [[]], []),
    ],
)
def test_limited(permissions, limits, found):
    assert limited(permissions, *limits) == found
