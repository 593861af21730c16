"""Forms that no browser sends: always an answer, never an error of the server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.dashboard.form import Form
from tests.api.dashboard.conftest import ACCEPT

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
