"""Texts that would be SQL, were they not values: every parameter of every route, and every header.

What is sent never stands in a statement's text, and changes no answer but as any unknown text does.
"""

import pytest

from api.documentation import document
from kyros_worker.database import engine
from tests import factories, webhooks
from tests.credentials import COOKIE, KINDS, bearer
from tests.statements import statements

MARK = "zq7x"
TRICKS = (
    f"{MARK}' OR '1'='1", f"{MARK}'; DROP TABLE tasks; --", f'{MARK}" OR ""="',
    f"{MARK}' UNION SELECT hash FROM api_keys --",
    f"{MARK}') OR pg_sleep(9) IS NULL --",
    f"{MARK}%' OR title LIKE '%", f"{MARK}\\' OR 1=1 --", f"{MARK}%(id)s :id $1 {{}} %s",
    f"{MARK}' || (SELECT current_user) || '", f"{MARK}/**/OR/**/1=1", f"{MARK}\u02bc OR 1=1 --",
)  # fmt: skip
#: Of the forms of all pages and of the token endpoints.
FIELDS = (
    "name", "email", "role", "password", "old", "again", "permissions", "url", "events",
    "description", "form_id", "decision", "grant_type", "token", "code", "client_id",
    "client_secret", "refresh_token", "scope", "redirect_uris",
)  # fmt: skip
PLAIN = f"{MARK}nothing"


@pytest.fixture(autouse=True)
def no_trick_works(schema):
    """One that stands in the text of a statement is one that worked."""
    with statements(engine()) as seen:
        yield
    assert seen
    assert not any(MARK in statement for statement, _ in seen)


@pytest.fixture
def client(app):
    return app.test_client(use_cookies=False)


@pytest.fixture
def things(no_tasks, no_keys, no_webhooks):
    """Something that every list would show, were all shown."""
    factories.create(title="kept apart")
    webhooks.webhook("*")


def parameters(app, place):
    """The path, and each parameter of that place, of every operation in the document."""
    for path, operations in document(app)["paths"].items():
        for method, operation in operations.items():
            for one in operation.get("parameters", []):
                if one["in"] == place:
                    yield method.upper(), path, one["name"], one["schema"]


def fill(path, **values):
    for name in ("task_id", "escalation_id", "webhook_id", "delivery_id", "key_id", "role"):
        path = path.replace("{" + name + "}", values.get(name, f"{name[:3]}_1790000000000000"))
    return path


def told(answer):
    """An answer without what is each one's own."""
    assert answer.is_json, answer.text
    body = {**answer.json, "request_id": None}
    return answer.status_code, body if answer.status_code == 200 else body["code"]


@pytest.mark.parametrize("trick", TRICKS)
def test_in_a_path(app, client, admin, things, trick):
    count = 0
    for method, path, name, _ in parameters(app, "path"):
        body = None if method in ("GET", "DELETE") else {}
        asked = [client.open(fill(path, **{name: text}), method=method, json=body, headers=admin)
                 for text in (trick, PLAIN)]  # fmt: skip
        assert told(asked[0]) == told(asked[1]) or "/" in trick, path
        assert asked[0].status_code in (404, 405, 422), path
        count += 1
    assert count > 20


@pytest.mark.parametrize("trick", TRICKS)
def test_in_a_query(app, client, admin, things, trick):
    count = 0
    for method, path, name, _ in parameters(app, "query"):
        found = {}
        for text in (trick, PLAIN):
            query = {name: text}
            answer = client.open(fill(path), method=method, query_string=query, headers=admin)
            found[text] = told(answer)
            assert answer.status_code in (200, 404, 422), (path, name)
            assert "kept apart" not in answer.text
        assert found[trick] in (found[PLAIN], (422, "validation_failed")), (path, name)
        count += 1
    assert count > 20


@pytest.mark.parametrize("name", ["actor", "action", "target", "q", "cursor", "' OR 1=1 --"])
def test_in_a_parameters_name_and_in_what_is_beside_it(client, admin, things, name):
    for path in ("/v1/audit", "/v1/tasks", "/v1/api-keys", "/v1/webhooks", "/v1/escalations"):
        query = {name: TRICKS[0], TRICKS[1]: TRICKS[2]}
        assert client.get(path, query_string=query, headers=admin).status_code == 422


@pytest.mark.parametrize("trick", TRICKS[:6])
def test_in_a_page(app, client, credential, things, trick):
    headers, count = credential("session"), 0
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith(("/settings", "/sign-", "/auth")):
            continue
        path = rule.build(dict.fromkeys(rule.arguments, trick))[1]
        names = ("cursor", "mode", "next", "client_id", "redirect_uri", "state", "code", "scope")
        form = dict.fromkeys(FIELDS, trick)
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            if rule.rule == "/sign-out":
                continue
            fields = form if method == "POST" else None
            answer = client.open(
                path, method=method, headers=headers, data=fields,
                query_string=dict.fromkeys(names, trick) if method == "GET" else None,
            )  # fmt: skip
            assert answer.status_code < 500, (method, path, answer.text)
            assert "kept apart" not in answer.text
            count += 1
    assert count > 40


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("kind", KINDS)
def test_in_a_header(client, credential, things, kind, trick):
    headers = credential(kind)
    text = trick.encode().decode("latin-1")
    for name in ("X-Request-Id", "User-Agent", "Last-Event-ID", "Accept", "Referer", "X-CSRF-Token",
                 "X-Forwarded-For", "Accept-Language", "traceparent"):  # fmt: skip
        answer = client.get("/v1/tasks", headers={**headers, name: text})
        assert answer.status_code == 200, name
    assert client.get("/v1/tasks", headers={**headers, "X-Kyros-Mode": text}).status_code == 422
    body = {"title": "kept apart"}
    answer = client.post("/v1/tasks", json=body, headers={**headers, "Idempotency-Key": text})
    assert answer.status_code == (201 if trick.isascii() else 422)


@pytest.mark.parametrize("trick", TRICKS)
def test_as_a_credential(client, things, trick):
    text = trick.encode().decode("latin-1")
    for token in (text, f"kyros_test_{text}", f"kyros_live_{text}", f"kyros_at_{text}",
                  f"kyros_test_{'A' * 32}{text}", f"{text}.{text}.{text}"):  # fmt: skip
        answer = client.get("/v1/tasks", headers=bearer(token))
        assert (answer.status_code, answer.json["code"]) == (401, "unauthenticated"), token
    answer = client.get("/v1/tasks", headers={"Cookie": f"{COOKIE}={text}"})
    assert answer.status_code == 401


@pytest.mark.parametrize("trick", TRICKS)
def test_in_a_body(client, admin, things, trick):
    task_id = factories.create()["id"]
    calls = [
        ("/v1/tasks", {"title": trick, "description": trick, "acceptance_criteria": [trick],
                       "files_to_modify": [trick], "dedupe_key": trick[:100],
                       "metadata": {trick: trick}, "context": {trick: trick}}),
        ("/v1/escalations", {"task_id": task_id, "reason": trick}),
        ("/v1/api-keys", {"name": trick, "permissions": ["tasks:read"]}),
        ("/v1/webhooks", {"url": "https://example.com/", "events": ["*"], "description": trick}),
        ("/v1/agents/implementer/submit", {"task_id": task_id, "context": {"note": trick}}),
    ]  # fmt: skip
    for path, body in calls:
        answer = client.post(path, json=body, headers=admin)
        assert answer.status_code in (201, 202), (path, answer.text)
    for path, body in (
        ("/v1/escalations", {"task_id": trick, "reason": "x"}),
        ("/v1/agents/implementer/submit", {"task_id": trick, "context": {}}),
    ):
        assert client.post(path, json=body, headers=admin).status_code in (404, 422)
    found = client.get("/v1/tasks", query_string={"q": trick}, headers=admin).json["data"]["tasks"]
    assert [one["title"] for one in found] in ([trick], [])
