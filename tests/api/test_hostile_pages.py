"""What other sites, caches and other callers could make of an answer: every route."""

import pytest
from sqlalchemy import text

from api import caller
from api.dashboard.once import new_form_id
from kyros_worker.database import read
from kyros_worker.user.session import authenticate_session
from tests import factories, webhooks
from tests.browser import ACCEPT
from tests.credentials import COOKIE, KINDS, access_token, bearer, signed
from tests.people import session_of

PAGE_ASSETS = {"/assets/<name>", "/docs/<path:asset>"}
MULTIPART = '--b\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\nx\r\n--b--\r\n'
WRITING = {"POST", "PATCH", "PUT", "DELETE"}


@pytest.fixture
def client(app):
    return app.test_client(use_cookies=False)


@pytest.fixture
def things(no_tasks, no_keys, no_webhooks):
    return {"task_id": factories.in_state("completed"), "webhook_id": webhooks.webhook("*")["id"],
            "role": "implementer"}  # fmt: skip


def routes(app, methods, ids=None):
    """Every route that takes one of these methods, with ids that are there or could be."""
    for rule in app.url_map.iter_rules():
        given = {name: (ids or {}).get(name, "x") for name in rule.arguments}
        for method in rule.methods & methods:
            yield rule, method, rule.build(given)[1]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", '{"title": "x"}'), ("text/plain", '{"title": "x"}'),
        ("application/x-www-form-urlencoded", "title=x&csrf_token="),
        ("application/x-www-form-urlencoded", '{"title":"x","a":"=b"}'),
        ("multipart/form-data; boundary=b", MULTIPART),
        (None, ""),
    ],
)  # fmt: skip
def test_no_other_site_changes_anything(app, client, credential, content_type, body):
    """Nothing that a form, a picture or a script of another site can send is taken."""
    cookie, count = {"Cookie": credential("session")["Cookie"]}, 0
    for rule, method, path in routes(app, WRITING):
        if caller.needs(app.view_functions[rule.endpoint]) == "nothing":
            continue
        for query in ({}, {"csrf_token": "x"}, {"_method": "GET"}):
            answer = client.open(path, method=method, headers=cookie, data=body,
                                 content_type=content_type, query_string=query)  # fmt: skip
            assert answer.status_code == 403, path
            assert "load the page anew" in answer.text, path
        count += 1
    assert count > 45


def test_reading_changes_nothing(app, client, credential, things):
    """A picture's address, or a link, can be any of these."""
    headers = credential("session")
    client.get("/settings/profile", headers=headers)
    before, count = everything(), 0
    for rule, _, path in routes(app, {"GET"}, things):
        for accept in (ACCEPT, {}):
            answer = client.get(path, headers={**headers, **accept}, query_string={})
            assert answer.status_code < 500, rule.rule
            answer.close()
        count += 1
    assert everything() == before
    assert count > 35


def everything():
    """How many rows there are in each table, and what all of them are."""
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    with read() as connection:
        return {
            table: connection.execute(rows(table)).one()
            for table in connection.execute(text(tables)).scalars().all()
        }


def rows(table):
    of_use = "'{last_used_at,last_seen_at}'::text[]"
    each = f"md5((to_jsonb(t) - {of_use})::text)"
    whole = f"count(*), md5(string_agg({each}, '' ORDER BY {each}))"
    return text(f"SELECT {whole} FROM {table} t")


@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_is_kept_on_the_way(app, client, credential, things, kind):
    headers = credential(kind)
    for rule, method, path in routes(app, {"GET", *WRITING}, things):
        if rule.rule in PAGE_ASSETS or rule.rule == "/sign-out":
            continue
        for who in (headers, {**headers, **ACCEPT}, {}):
            answer = client.open(path, method=method, headers=who)
            assert answer.headers["Cache-Control"] == "no-store", (method, rule.rule)
            assert "ETag" not in answer.headers
            assert "Expires" not in answer.headers
            answer.close()


def test_answers_with_a_secret_are_not_kept(client, credential, things):
    admin = credential("api_key")
    made = client.post(
        "/v1/api-keys", json={"name": "x", "permissions": ["tasks:read"]}, headers=admin
    )
    hook = {"url": "https://example.com/", "events": ["*"]}
    answers = [
        made,
        client.post(f"/v1/api-keys/{made.json['data']['id']}/rotate", json={}, headers=admin),
        client.post("/v1/webhooks", json=hook, headers=admin),
        client.post(f"/v1/webhooks/{things['webhook_id']}/rotate-secret", headers=admin),
    ]
    session = credential("session")
    for path, fields in (
        ("/settings/api-keys", {"name": "x", "permissions": "tasks:read", "mode": "test"}),
        ("/settings/webhooks", {"url": "https://example.com/", "events": "*"}),
        ("/settings/users", {"name": "x", "email": "x@example.com", "role": "viewer"}),
        ("/settings/oauth2/applications", {"name": "x", "permissions": "tasks:read",
                                           "redirect_uris": "https://example.com/"}),
    ):  # fmt: skip
        form = {**fields, "form_id": new_form_id()}
        answers.append(client.post(path, data=form, headers={**session, **ACCEPT}))
    for answer in answers:
        assert answer.status_code in (200, 201), answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] in ("no-referrer", "same-origin")


def test_who_has_signed_in_anew_has_another_cookie(client, new_user):
    """A cookie that somebody planted before is not taken over, and stays worth nothing."""
    from tests.people import PASSWORD

    # Failed sign-ins are counted by address.
    client.environ_base["REMOTE_ADDR"] = "198.51.100.7"
    user = new_user("admin")
    planted = session_of(new_user("viewer", email="thief@example.com").id)
    for before in ("A" * 43, planted):
        form = {"email": user.email, "password": PASSWORD}
        answer = client.post("/sign-in", data=form, headers={"Cookie": f"{COOKIE}={before}"})
        cookie = answer.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
        assert cookie != before
        assert authenticate_session(cookie).user_id == user.id
    assert authenticate_session(planted).email == "thief@example.com"


@pytest.mark.parametrize("end", ["/sign-out", "/settings/profile/sessions/end-others"])
def test_an_ended_session_is_over(client, new_user, end):
    user = new_user("viewer")
    mine, other = session_of(user.id), session_of(user.id)
    token = authenticate_session(mine).csrf_token
    headers = {"Cookie": f"{COOKIE}={mine}", "X-CSRF-Token": token}
    assert client.post(end, headers=headers).status_code == 303
    ended = mine if end == "/sign-out" else other
    for path in ("/settings/profile", "/v1/tasks"):
        answer = client.get(path, headers={"Cookie": f"{COOKIE}={ended}"})
        assert answer.status_code == 401


class TestIdempotencyKeys:
    def test_nobody_gets_anothers_answer(
        self, client, new_key, new_user, new_application, no_tasks
    ):
        """One person in four ways, and others of the same name: each makes a task of his own."""
        user, other = new_user("developer"), new_user("developer", email="other@example.com")
        application = new_application()
        cookie = session_of(user.id)
        session = {"Cookie": f"{COOKIE}={cookie}",
                   "X-CSRF-Token": authenticate_session(cookie).csrf_token}  # fmt: skip
        callers = [
            session,
            bearer(signed(user_id=user.id, roles=["developer"])),
            bearer(signed(user_id=f"session:{user.id}", roles=["developer"])),
            bearer(signed(user_id=f"jwt:{user.id}", roles=["developer"])),
            bearer(signed(user_id=f"{application['id'][3:]}:{user.id}", roles=["developer"])),
            bearer(access_token(application, user)),
            bearer(access_token(new_application(), user)),
            bearer(access_token(application, other)),
            bearer(new_key("tasks:write")["key"]), bearer(new_key("tasks:write")["key"]),
        ]  # fmt: skip
        ids = set()
        for headers in callers:
            asked = {**headers, "Idempotency-Key": "the same"}
            first, again = (
                client.post("/v1/tasks", json={"title": "x"}, headers=asked) for _ in range(2)
            )
            assert (first.status_code, again.status_code) == (201, 201)
            assert again.headers["Idempotent-Replayed"] == "true"
            assert first.json["data"]["id"] == again.json["data"]["id"]
            ids.add(first.json["data"]["id"])
        assert len(ids) == len(callers)

    def test_who_may_no_more_gets_no_old_answer(self, client, new_key, no_tasks):
        from kyros_worker.auth import authenticate
        from kyros_worker.auth.tables import ApiKey

        made = new_key("tasks:write")
        headers = {**bearer(made["key"]), "Idempotency-Key": "the same"}
        body = {"title": "x"}
        assert client.post("/v1/tasks", json=body, headers=headers).status_code == 201
        factories.change(ApiKey, made["id"], permissions=["tasks:read"])
        authenticate.forget()
        assert client.post("/v1/tasks", json=body, headers=headers).status_code == 403
