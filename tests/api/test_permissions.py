"""Who gets 403 where: every route of the URL map, every role, every kind of credential."""

import pytest

from api import caller
from api.app import create_app
from kyros_worker.auth.subject import PERMISSIONS
from tests.credentials import KINDS

#: As the contract has them, "Who may do what"; the last two are none.
VIEWER = {"tasks:read", "monitoring:read"}
DEVELOPER = VIEWER | {"tasks:write", "agents:submit", "escalations:request"}
REVIEWER = DEVELOPER | {"escalations:approve"}
OPERATOR = REVIEWER | {"webhooks:manage", "agents:register"}
ROLES = {
    "viewer": VIEWER, "developer": DEVELOPER, "reviewer": REVIEWER, "operator": OPERATOR,
    "admin": {*PERMISSIONS}, "root": set(), "Admin": set(),
}  # fmt: skip


@pytest.fixture(scope="module")
def stubbed(schema):
    """The app, whose views do nothing but answer: what stands before them decides."""
    made = create_app()
    for endpoint, view in made.view_functions.items():
        made.view_functions[endpoint] = caller._marked(caller.needs(view))(lambda **_: ("", 204))
    return made


@pytest.fixture
def ask(stubbed):
    """Calls every route with those headers: what it needs, and what is answered."""
    client = stubbed.test_client(use_cookies=False)

    def each(headers):
        for rule in stubbed.url_map.iter_rules():
            needed = caller.needs(stubbed.view_functions[rule.endpoint])
            path = rule.build(dict.fromkeys(rule.arguments, "x"))[1]
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                answer = client.open(path, method=method, headers=headers)
                yield f"{method} {rule.rule}", needed, answer

    return each


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", ROLES)
def test_each_route_asks_for_its_own_permission(ask, credential, kind, role):
    seen = set()
    for route, needed, answer in ask(credential(kind, role)):
        seen.add(needed)
        may = needed in {"nothing", "credential", *ROLES[role]}
        if not may:
            assert (answer.status_code, answer.json["code"]) == (403, "permission_denied"), route
            assert answer.json["error"] == f"This needs the permission {needed}.", route
        elif needed != "nothing" and kind != "session" and is_page(route):
            assert answer.status_code == 401, route
        else:
            assert answer.status_code == 204, (route, answer.text)
    assert len(seen) > 8


def test_nobody_comes_in_anywhere(ask, no_keys):
    for route, needed, answer in ask({}):
        assert answer.status_code == (204 if needed == "nothing" else 401), route


def is_page(route):
    """Pages are for people who have signed in, whatever a program may do."""
    return not route.partition(" ")[2].startswith("/v1/")
