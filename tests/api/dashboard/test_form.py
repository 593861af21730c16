"""Forms that no browser sends: always an answer, never an error of the server."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.dashboard.form import Form
from kyros_worker.auth.change import change as change_key
from kyros_worker.auth.queries import find as find_key
from kyros_worker.auth.schemas import ChangedApiKey
from kyros_worker.database import read, transaction
from kyros_worker.oauth2 import applications, queries
from kyros_worker.user.accounts import change_user
from kyros_worker.user.queries import find_user
from kyros_worker.webhook import endpoints
from kyros_worker.webhook.schemas import ChangedWebhook
from tests import webhooks
from tests.applications import CALLBACK, TESTS
from tests.browser import ACCEPT, shown
from tests.locks import wait_until_it_waits

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"email=%ff&password=x", FORM, 400), (b"email=\xff", FORM, 400),
        (b"email=%00", FORM, 422), (b"a%00=x", FORM, 422), (b"email=%ED%A0%80", FORM, 400),
        (b"email=a&email=b", FORM, 400), (b"password=a&password=b", FORM, 400),
        (b"email=" + b"x" * 65536, FORM, 413), (b"&".join([b"a=1"] * 1001), FORM, 400),
        (b"{}", "application/json", 415), (b"email=a", "text/plain", 415),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 415),
        (b"email=a", f"{FORM}; charset=latin-1", 415), (b"email=a", "", 415),
        (b"", FORM, 401), (b"====&&&&%", FORM, 401), (b"email=a", f"{FORM}; charset=utf-8", 401),
    ],
)  # fmt: skip
def test_forms_that_no_browser_sends(browser, body, kind, status):
    answer = browser().client.post("/sign-in", data=body, content_type=kind, headers=ACCEPT)
    assert answer.status_code == status
    assert answer.content_type.startswith("text/html")


def test_the_same_of_a_person_who_has_signed_in(browser):
    jo = browser("admin")
    token = f"csrf_token={jo.person.csrf_token}".encode()
    for body, status in (
        (b"&name=%ff", 400), (b"&name=a&name=b", 400), (b"&permissions=a&permissions=a", 422),
        (b"&name=%00", 422), (b"&" + b"x" * 65536, 413),
    ):  # fmt: skip
        answer = jo.client.post(
            "/settings/api-keys", data=token + body, content_type=FORM, headers=ACCEPT
        )
        assert (answer.status_code, answer.is_json) == (status, False), body


@given(st.text(), st.text(), st.text())
def test_whatever_is_typed_is_a_value_or_stays(number, whole, time):
    form = Form({"number": number, "whole": whole, "time": time})
    for value in (form.number("number"), form.whole_number("whole"), form.time("time")):
        assert value is None or isinstance(value, str) or value >= 0


@pytest.mark.parametrize(
    ("typed", "read"),
    [("", None), (" ", None), ("2030-01-31T09:30", "2030-01-31T09:30:00Z"),
     ("2030-01-31T09:30:15", "2030-01-31T09:30:15Z"), ("soon", "soon"),
     ("2030-01-31T09:30Z", "2030-01-31T09:30Z")],
)  # fmt: skip
def test_times(typed, read):
    assert Form({"at": typed}).time("at") == read


@pytest.fixture
def records(new_user, new_key, new_application, no_webhooks):
    """Of each kind that a form changes: its page, what its form sends, another's change of what it
    may do, and how to read it.
    """
    user, key = new_user("operator", email="vera@example.com"), new_key("tasks:read", "admin")
    application = new_application(permissions=["tasks:read", "tasks:write"])
    webhook, mode = webhooks.webhook("*", description="ours"), "test"
    fewer = {"permissions": ["tasks:read"]}
    typed = {"redirect_uris": CALLBACK, "permissions": application["permissions"]}
    return {
        "user": (
            f"users/{user.id}", {"name": "Vera", "role": "operator"},
            lambda connection: change_user(connection, TESTS, user.id, role="viewer"),
            lambda connection: find_user(connection, user.id),
        ),
        "key": (
            f"api-keys/{key['id']}", {"name": "renamed", "permissions": key["permissions"]},
            lambda connection: change_key(connection, TESTS, key["id"], ChangedApiKey(**fewer)),
            lambda connection: find_key(connection, key["id"]),
        ),
        "application": (
            f"oauth2/applications/{application['id']}", {"name": "Renamed", **typed},
            lambda connection: applications.change(connection, TESTS, application["id"], **fewer),
            lambda connection: queries.application(connection, application["id"]),
        ),
        "webhook": (
            f"webhooks/{webhook['id']}", {"url": webhook["url"], "events": ["*"]},
            lambda connection: endpoints.change_webhook(
                connection, webhook["id"], ChangedWebhook(events=["task.failed"]), mode, TESTS
            ),
            lambda connection: endpoints.find_webhook(connection, webhook["id"], mode),
        ),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["user", "key", "application", "webhook"])
def test_what_another_changed_meanwhile_is_not_undone(browser, records, kind):
    """Be it before the form is sent, or while it is looked at."""
    path, fields, by_another, found = records[kind]
    jo, path = browser("admin"), f"/settings/{path}"
    mark = shown(jo.get(path))
    with ThreadPoolExecutor(1) as threads:
        with transaction() as connection:
            by_another(connection)
            sent = threads.submit(jo.post, path, shown=mark, **fields)
            wait_until_it_waits(sent)
            assert not sent.done()
        pages = [sent.result(timeout=20), jo.post(path, shown=mark, **fields)]
    with read() as connection:
        after = found(connection)
    for page in [*pages, jo.post(path, **fields), jo.post(path, shown="é", **fields)]:
        assert page.status_code == 409
        assert "was changed meanwhile" in page.text
    with read() as connection:
        assert found(connection) == after
    # Who has looked again can save.
    assert jo.save(path, **fields).status_code == 303
    with read() as connection:
        assert found(connection) != after


def test_who_corrects_a_form_still_sends_what_it_showed_first(browser, records):
    path, fields, by_another, _ = records["user"]
    jo, path = browser("admin"), f"/settings/{path}"
    wrong = jo.save(path, **{**fields, "name": ""})
    assert wrong.status_code == 422
    with transaction() as connection:
        by_another(connection)
    assert jo.post(path, shown=shown(wrong), **fields).status_code == 409
