"""Live things are not there for who is in test mode, nor test things for others: every route."""

import pytest
from sqlalchemy import text

from api import caller
from api.dashboard.once import new_form_id
from kyros_worker.auth.create import create
from kyros_worker.auth.subject import Subject
from kyros_worker.database import read, transaction
from kyros_worker.task.approve import request_escalation
from kyros_worker.webhook import endpoints
from tests import factories, webhooks
from tests.credentials import KINDS
from tests.keys import ACTOR
from tests.live_models import configured, on

#: Ids of what belongs to both modes, or to one person alone.
SHARED = {"user_id", "session_id", "application_id", "grant_id", "asset", "name"}
#: Bodies that would be right, were the thing there; others need none.
BODIES = {
    "/v1/agents/<role>/submit": lambda ids: {"task_id": ids["task_id"]},
    "/v1/escalations": lambda ids: {"task_id": ids["task_id"], "reason": "It matters."},
    "/v1/webhooks/<webhook_id>/replay": lambda _: {"since": "2026-01-01T00:00:00Z"},
    "/v1/api-keys/<key_id>": lambda _: {"name": "Mine now"},
    "/v1/webhooks/<webhook_id>": lambda _: {"description": "Mine now"},
}
#: What any of the pages' forms would take.
FORM = {"name": "Mine now", "permissions": "tasks:read", "overlap_seconds": "0",
        "url": "https://example.com/mine", "events": "*", "description": "Mine now"}  # fmt: skip
TABLES = ("tasks", "submissions", "events", "escalations", "webhooks", "deliveries", "api_keys",
          "system_events")  # fmt: skip


@pytest.fixture
def deployment(no_keys, no_tasks, tmp_path):
    """One that has a live model, and so two modes."""
    webhooks.forget()
    premium = '[models.premium]\nmodel = "local:yours"'
    models = on("http://127.0.0.1:9/v1", tables=premium)
    with configured(tmp_path / "models.toml", models) as found:
        assert not found.test_mode
        yield
    webhooks.forget()


@pytest.fixture
def client(app):
    return app.test_client(use_cookies=False)


def things_of(mode):
    """Ids of one of each, by the names that routes give them."""
    who = Subject(f"key_000000000000{len(mode)}", mode, frozenset({"admin"}))
    webhook = webhooks.webhook("*", who=who, description=f"{mode} secrets")
    task_id = factories.create(who=who, title=f"{mode} secrets")["id"]
    with transaction() as connection:
        asked = request_escalation(
            connection, task_id, who, reason=f"{mode} secrets", priority=None, request_id="req_1"
        )
        key = create(connection, ACTOR, name=f"{mode} secrets", permissions=["tasks:read"],
                     mode=mode)  # fmt: skip
        delivery = endpoints.send_test(connection, webhook["id"], mode)
    return {
        "task_id": task_id, "escalation_id": asked["id"], "webhook_id": webhook["id"],
        "delivery_id": delivery["id"], "key_id": key["id"], "role": "implementer",
    }  # fmt: skip


def headers_of(credential, kind, mode):
    headers = credential(kind, mode=mode)
    return {**headers, **({} if kind == "api_key" else {"X-Kyros-Mode": mode})}


def without_mode(headers):
    """For pages, whose mode stands in the address."""
    return {name: value for name, value in headers.items() if name != "X-Kyros-Mode"}


def calls(app, ids, mode):
    """Every route with an id of something that belongs to a mode, and the arguments of a call."""
    for rule in app.url_map.iter_rules():
        takes_a_body = rule.rule in BODIES
        if rule.arguments & SHARED or not (rule.arguments - {"role"} or takes_a_body):
            continue
        path = rule.build({name: ids[name] for name in rule.arguments})[1]
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            if rule.rule.startswith("/settings"):
                query = {"mode": mode}
                form = {**FORM, "form_id": new_form_id()}
                body = {"data": form} if method == "POST" else {}
                yield rule, method, {"path": path, "query_string": query, **body}
            elif method != "GET" or rule.arguments:
                fields = BODIES.get(rule.rule, lambda _: None)(ids)
                yield rule, method, {"path": path, "json": fields if method != "GET" else None}


def everything():
    """All that could have changed."""
    with read() as connection:
        return {table: sorted(connection.execute(rows(table)).scalars()) for table in TABLES}


def rows(table):
    return text(f"SELECT (to_jsonb(t) - 'last_used_at')::text FROM {table} t")


@pytest.mark.parametrize(("mode", "other"), [("test", "live"), ("live", "test")])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_other_mode_is_there(app, client, deployment, credential, kind, mode, other):
    headers, ids = headers_of(credential, kind, mode), things_of(other)
    before, asked = everything(), 0
    for rule, method, call in calls(app, ids, mode):
        is_page = rule.rule.startswith("/settings")
        if is_page and kind != "session":
            continue
        sent = without_mode(headers) if is_page else headers
        answer = client.open(method=method, headers=sent, **call)
        assert answer.status_code == 404, (method, rule.rule, answer.text)
        assert f"{other} secrets" not in answer.text, rule.rule
        asked += 1
    assert asked > 20
    assert everything() == before


@pytest.mark.parametrize("mode", ["test", "live"])
@pytest.mark.parametrize("kind", KINDS)
def test_ones_own_are(app, client, deployment, credential, kind, mode):
    """The table above would be of no worth if these were 404, too."""
    headers, ids = headers_of(credential, kind, mode), things_of(mode)
    for rule, method, call in calls(app, ids, mode):
        if method == "GET" and rule.rule.startswith("/v1/"):
            answer = client.get(headers=headers, **call)
            assert answer.status_code == 200, rule.rule
            answer.close()


@pytest.mark.parametrize(("mode", "other"), [("test", "live"), ("live", "test")])
@pytest.mark.parametrize("kind", KINDS)
def test_no_list_shows_them(app, client, deployment, credential, kind, mode, other):
    headers, ids = headers_of(credential, kind, mode), things_of(other)
    for rule in app.url_map.iter_rules():
        open_to_all = caller.needs(app.view_functions[rule.endpoint]) == "nothing"
        if rule.arguments or "GET" not in rule.methods or open_to_all:
            continue
        filters = {
            "/v1/tasks": [{}, {"q": "secrets"}],
            "/v1/audit": [{}, *({"target": one} for one in ids.values())],
            "/v1/escalations": [{}, {"task_id": ids["task_id"]}],
        }.get(rule.rule, [])
        is_page = not rule.rule.startswith("/v1")
        if is_page:
            filters = [{"mode": mode}]
        sent = without_mode(headers) if is_page else headers
        for query in filters or [{}]:
            answer = client.get(rule.rule, query_string=query, headers=sent)
            assert answer.status_code in (200, 303, 401), rule.rule
            assert f"{other} secrets" not in answer.text, rule.rule
            assert not any(id_ in answer.text for name, id_ in ids.items() if name != "role"), rule


@pytest.mark.parametrize("kind", KINDS)
def test_test_mode_makes_nothing_live(client, deployment, credential, kind):
    headers = headers_of(credential, kind, "test")
    new = {"name": "x", "permissions": ["tasks:read"], "mode": "live"}
    assert client.post("/v1/api-keys", json=new, headers=headers).status_code == 403
    del new["mode"]
    made = client.post("/v1/api-keys", json=new, headers=headers).json["data"]
    assert made["mode"] == "test"
    for path, body in (
        ("/v1/tasks", {"title": "x"}),
        ("/v1/webhooks", {"url": "https://example.com/", "events": ["*"]}),
    ):
        assert client.post(path, json={**body, "mode": "live"}, headers=headers).status_code == 422
        assert client.post(path, json=body, headers=headers).json["data"]["mode"] == "test"
    change = {"enabled": True}
    assert client.post("/v1/system/maintenance", json=change, headers=headers).status_code == 403


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_of_once_is_of_its_own_mode(client, deployment, credential, kind):
    """A person's credential works in both: its answers of one are not seen in the other."""
    live = {**headers_of(credential, kind, "live"), "Idempotency-Key": "once"}
    body = {"title": "live secrets", "metadata": {"sandbox": {"delay_seconds": 0}}}
    made = client.post("/v1/tasks", json=body, headers=live)
    assert (made.status_code, made.json["data"]["mode"]) == (201, "live")
    answer = client.post("/v1/tasks", json=body, headers={**live, "X-Kyros-Mode": "test"})
    # A key has one mode; everybody else is told that he used this Idempotency-Key before.
    assert answer.status_code == (422 if kind == "api_key" else 409)
    assert made.json["data"]["id"] not in answer.text
    again = client.post("/v1/tasks", json=body, headers=live)
    assert again.json["data"]["id"] == made.json["data"]["id"]
