"""Rate limits: who is counted by what, and what is answered."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from limits.storage import RedisStorage
from sqlalchemy import text

from api import caller, limits, windows
from api.windows import OneTripWindow
from kyros_worker.auth.subject import Subject
from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.errors import TooManyRequestsError
from kyros_worker.ids import new_id
from kyros_worker.monitoring.counters import read_counter
from kyros_worker.monitoring.health import LET_THROUGH
from kyros_worker.oauth2 import tokens
from kyros_worker.oauth2.tables import Grant, Token
from tests.applications import TESTS, code_for, credentials, rows
from tests.credentials import COOKIE, bearer
from tests.live_models import configured
from tests.people import held, new_user, no_users, password_hash, session_of

__all__ = ["held", "new_user", "no_users", "password_hash"]

URL = "/v1/api-keys"


@pytest.fixture(autouse=True)
def still(schema, monkeypatch):
    at = [1e9]
    monkeypatch.setattr(windows, "time", lambda: at[0])
    return at


@pytest.fixture
def three(tmp_path):
    lines = "requests_per_minute = 3\nfailed_sign_ins = 2\nfailed_sign_in_minutes = 1\n"
    with configured(tmp_path / "limits.toml", f"[rate_limits]\n{lines}"):
        yield


def shown(answer):
    names = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
    return tuple(int(answer.headers[name]) for name in names)


def test_the_default_is_generous(client, admin):
    assert shown(client.get(URL, headers=admin)) == (6000, 5999, 45)


def test_too_many(client, admin, new_key, three, still):
    left = [shown(client.get(URL, headers=admin))[:2] for _ in range(3)]
    assert left == [(3, 2), (3, 1), (3, 0)]
    answer = client.get(URL, headers=admin)
    assert (answer.status_code, shown(answer)) == (429, (3, 0, 45))
    assert (answer.json["code"], answer.json["data"]) == ("rate_limited", {})
    assert answer.json["error"] == "You may ask 3 times a minute; ask again in 45 s."
    # Others are not touched, and it tells the truth about when to ask again.
    other = bearer(new_key("tasks:read")["key"])
    assert client.get("/v1/tasks", headers=other).status_code == 200
    still[0] += int(answer.headers["Retry-After"])
    assert client.get(URL, headers=admin).status_code == 200


def test_refusals_are_counted_too(client, new_key, three):
    headers = bearer(new_key("tasks:read")["key"])
    for path, status in ((URL, 403), ("/v1/tasks/task_1", 404), ("/v1/tasks?limit=x", 422)):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, shown(answer)[0]) == (status, 3)
    refused = client.post("/v1/tasks?x=%00", data="{", headers=headers)
    assert refused.status_code == 429


def test_refusals_of_a_mode_or_a_token_are_counted_too(app, new_key, new_user, three):
    client = app.test_client()
    client.set_cookie(COOKIE, session_of(new_user("admin").id))
    key = bearer(new_key("tasks:read")["key"]) | {"X-Kyros-Mode": "live"}
    for headers, status in ((key, 422), ({}, 403)):
        answers = [client.post("/v1/tasks", json={"title": "x"}, headers=headers) for _ in range(4)]
        assert [one.status_code for one in answers] == [status, status, status, 429]
        assert [shown(one)[1] for one in answers] == [2, 1, 0, 0]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/docs", "/v1/nothing",
                                  "/docs/css/swagger-ui.css", URL])  # fmt: skip
def test_what_is_not_counted(client, path):
    answer = client.get(path)
    assert answer.status_code < 500
    assert "RateLimit-Limit" not in answer.headers


@pytest.fixture
def ask(client, monkeypatch):
    """Asks as that subject; gives the status."""

    def ask(who):
        monkeypatch.setattr(caller, "_of_token", lambda _: who)
        return client.get(URL, headers={"Authorization": "Bearer x"}).status_code

    return ask


def subject(limit):
    return Subject(new_id("key", now()), "test", frozenset({"admin"}), rate_limit=limit)


def test_a_keys_own_limit(ask, three, tmp_path):
    who = subject(1)
    assert [ask(who) for _ in range(2)] == [200, 429]
    many = subject(50)
    assert {ask(many) for _ in range(50)} == {200}
    with configured(tmp_path / "none.toml", "[rate_limits]\nrequests_per_minute = 0\n"):
        free, bound = subject(None), subject(1)
        assert {ask(free) for _ in range(10)} == {200}
        assert [ask(bound) for _ in range(2)] == [200, 429]


def test_a_changed_limit_goes_on_counting(ask):
    who = subject(1)
    assert [ask(who) for _ in range(2)] == [200, 429]
    assert ask(replace(who, rate_limit=3)) == 200
    assert ask(replace(who, rate_limit=3)) == 429


@pytest.fixture
def addresses(app):
    with app.app_context():
        limits._limiter().reset()


TOKEN = "/auth/oauth2/token"


def test_an_application_that_asks_for_tokens_again_and_again(
    client, new_application, addresses, three, still
):
    application = new_application(acts_for_itself=True)
    form = {"grant_type": "client_credentials", **credentials(application)}
    # Whoever lacks the secret uses nothing of it up.
    assert client.post(TOKEN, data=form | {"client_secret": "x"}).status_code == 400
    answers = [client.post(TOKEN, data=form) for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    refused = answers[-1]
    assert refused.json["error"] == "temporarily_unavailable"
    assert set(refused.json) == {"error", "error_description"}
    assert (shown(refused), refused.headers["Retry-After"]) == ((3, 0, 45), "45")
    assert len(rows(Token)) == 3
    # What it does with its tokens counts by the same window.
    headers = bearer(answers[0].json["access_token"])
    assert client.get("/v1/tasks", headers=headers).status_code == 429
    still[0] += 45
    assert client.post(TOKEN, data=form).status_code == 200
    assert shown(client.get("/v1/tasks", headers=headers))[:2] == (3, 1)


def test_nobody_uses_up_a_public_applications_requests(client, new_application, addresses, three):
    application = new_application(public=True)
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": application["id"]}

    def ask(address):
        environ = {"REMOTE_ADDR": address}
        return client.post(TOKEN, data=form, environ_base=environ).status_code

    assert [ask("203.0.113.9") for _ in range(4)] == [400, 400, 400, 429]
    assert ask("203.0.113.10") == 400


def test_without_a_limit_tokens_are_given_all_the_same(client, new_application, tmp_path):
    application = new_application(acts_for_itself=True)
    form = {"grant_type": "client_credentials", **credentials(application)}
    with configured(tmp_path / "none.toml", "[rate_limits]\nrequests_per_minute = 0\n"):
        assert client.post(TOKEN, data=form).status_code == 200


def test_who_has_allowed_it_can_look_only_so_often(client, new_application, signed_in, three):
    application, (cookie, person) = new_application(), signed_in()
    code = code_for(application, SimpleNamespace(id=person.user_id))
    with transaction() as connection:
        found = tokens.find_code(connection, application["id"], code)
        tokens.exchange_code(connection, TESTS, found)
    client.set_cookie(COOKIE, cookie)
    asked = {"response_type": "code", "client_id": application["id"]}
    answers = [client.get("/auth/oauth2/authorize", query_string=asked) for _ in range(4)]
    assert [one.status_code for one in answers] == [303, 303, 303, 429]
    assert answers[-1].content_type.startswith("text/html")
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert len(rows(Grant)) == 4


def from_address(app, address):
    return app.test_request_context(environ_base={"REMOTE_ADDR": address})


def test_failed_sign_ins(app, three, addresses, still):
    with from_address(app, "203.0.113.9"):
        for _ in range(2):
            limits.refuse_failed_sign_ins()
            limits.count_failed_sign_in()
        with pytest.raises(TooManyRequestsError) as raised:
            limits.refuse_failed_sign_ins()
    with from_address(app, "203.0.113.10"):
        limits.refuse_failed_sign_ins()
    still[0] += int(raised.value.headers["Retry-After"])
    with from_address(app, "203.0.113.9"):
        limits.refuse_failed_sign_ins()


def test_a_household_has_one_count(app, three, addresses):
    for address in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"):
        with from_address(app, address):
            limits.count_failed_sign_in()
    with from_address(app, "2001:db8:1:2::3"), pytest.raises(TooManyRequestsError):
        limits.refuse_failed_sign_ins()
    with from_address(app, "2001:db8:1:3::1"):
        limits.refuse_failed_sign_ins()


def test_no_limit_of_sign_ins(app, tmp_path, addresses):
    with (
        configured(tmp_path / "none.toml", "[rate_limits]\nfailed_sign_ins = 0\n"),
        from_address(app, "203.0.113.9"),
    ):
        for _ in range(30):
            limits.count_failed_sign_in()
        limits.refuse_failed_sign_ins()


def test_without_redis_all_are_let_through_and_counted(client, admin, three, monkeypatch):
    with transaction() as connection:
        connection.execute(text("TRUNCATE counters"))
    (limiter,) = client.application.extensions["limiter"]
    away = RedisStorage("redis://127.0.0.1:1", **windows.STORAGE_OPTIONS)
    monkeypatch.setattr(limiter, "_limiter", OneTripWindow(away))
    limits._let_through.write()
    for _ in range(5):
        answer = client.get(URL, headers=admin)
        assert (answer.status_code, "RateLimit-Limit" in answer.headers) == (200, False)
    with client.application.test_request_context():
        limits.refuse_failed_sign_ins()
    limits._let_through.write()
    with read() as connection:
        assert read_counter(connection, LET_THROUGH) == 6
    health = client.get("/v1/monitoring/health", headers=admin).json["data"]
    assert health["components"]["rate_limits"]["let_through"] == 6
