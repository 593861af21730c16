"""Who the client is: by its secret, by none, and what guessing it costs."""

import base64

import pytest

from kyros_worker.database import transaction
from kyros_worker.oauth2 import applications, secret
from kyros_worker.oauth2.access import authenticate_access_token
from kyros_worker.oauth2.scope import DEFAULT
from kyros_worker.oauth2.tables import Grant
from tests.api.oauth2.token_endpoint import (
    CHALLENGE,
    GUIDE,
    REVOKE,
    TOKEN,
    VERIFIER,
    basic,
    exchange,
    is_bare,
    refused,
)
from tests.applications import CALLBACK, TESTS, code_for, credentials, rows
from tests.people import PASSWORD

# Applications for themselves.


def test_client_credentials(web, new_application):
    application = new_application(acts_for_itself=True, redirect_uris=[])
    for _ in range(2):
        body = web.post(
            TOKEN, data={"grant_type": "client_credentials", **credentials(application)}
        ).json()
        assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
        assert body["scope"] == " ".join(DEFAULT)
    assert len(rows(Grant)) == 1
    subject = authenticate_access_token(body["access_token"])
    assert (subject.id, subject.via, subject.kind) == (application["id"], None, "oauth2")
    with transaction() as connection:
        applications.change(
            connection, TESTS, application["id"], acts_for_itself=False, redirect_uris=[CALLBACK]
        )
    assert refused(body["access_token"])


@pytest.mark.parametrize(
    ("fields", "scope", "error"),
    [
        ({}, None, "unauthorized_client"),
        ({"public": True}, None, "invalid_client"),
        ({"acts_for_itself": True}, "admin", "invalid_scope"),
        ({"acts_for_itself": True}, "nothing", "invalid_scope"),
        ({"acts_for_itself": True, "permissions": ["webhooks:manage"]}, None, "invalid_scope"),
    ],
)
def test_refused_client_credentials(web, new_application, fields, scope, error):
    application = new_application(**fields)
    body = {"grant_type": "client_credentials", **credentials(application), "scope": scope}
    answer = web.post(TOKEN, data={name: text for name, text in body.items() if text})
    is_bare(answer, 400, error)


# Who the client is.


def test_basic(web, application, user):
    body = {"grant_type": "authorization_code", "redirect_uri": CALLBACK}
    headers = basic(application["id"], application["client_secret"])
    for more in ({}, {"client_id": application["id"]}):
        code = code_for(application, user)
        answer = web.post(TOKEN, data={**body, "code": code, **more}, headers=headers)
        assert answer.status_code == 200


WRONG = {
    "wrong": lambda _: "kyros_cs_" + "x" * 43,
    "truncated": lambda secret: secret[:-1],
    "longer": lambda secret: secret + "x",
    "upper": lambda secret: secret.upper(),
    "the hash": secret.digest,
    "blank": lambda _: "",
    "space": lambda secret: secret + " ",
    "not ASCII": lambda _: "é",
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("method", ["basic", "post"])
@pytest.mark.parametrize("path", [TOKEN, GUIDE, REVOKE])
def test_a_wrong_secret(web, application, user, wrong, method, path):
    code = code_for(application, user)
    body = {
        "grant_type": "authorization_code",
        "redirect_uri": CALLBACK,
        "code": code,
        "token": "x",
    }
    guess, headers = WRONG[wrong](application["client_secret"]), {}
    if method == "basic":
        headers = basic(application["id"], guess)
    else:
        body |= {"client_id": application["id"], "client_secret": guess}
    answer = web.post(path, data=body, headers=headers)
    is_bare(answer, 401 if method == "basic" else 400, "invalid_client")
    assert exchange(web, application, code).status_code == 200


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Basic", 401),
        ("Basic !!!", 401),
        ("Basic é", 401),
        ("Basic " + base64.b64encode(b"\xff\xfe:x").decode(), 401),
        ("Basic " + base64.b64encode(b"no colon").decode(), 401),
        ("Basic " + base64.b64encode(b"oac_\x00:x").decode(), 401),
        ("Basic " + base64.b64encode(b"%ff:x").decode(), 401),
        ("Bearer kyros_at_x", 401),
        ("Digest username=x", 401),
        ("", 401),
    ],
)
@pytest.mark.parametrize("path", [TOKEN, REVOKE])
def test_a_broken_header(web, application, header, status, path):
    body = {"grant_type": "client_credentials", "token": "x"}
    answer = web.post(path, data=body, headers={"Authorization": header.encode("latin-1")})
    is_bare(answer, status, "invalid_client")


def test_two_ways_at_once(web, new_application, application):
    other = new_application(name="Other")
    header = basic(application["id"], application["client_secret"])
    body = {"grant_type": "client_credentials", "token": "x"}
    for path in (TOKEN, REVOKE):
        for more in (credentials(application), credentials(other), {"client_id": other["id"]}):
            is_bare(web.post(path, data=body | more, headers=header), 400, "invalid_request")


def test_a_public_application_has_no_secret_to_guess(web, new_application, user):
    application = new_application(public=True)
    assert application["client_secret"] is None
    for guess in ("x", "None", "null"):
        code = code_for(application, user, challenge=CHALLENGE)
        answer = exchange(web, application, code, client_secret=guess, code_verifier=VERIFIER)
        is_bare(answer, 400, "invalid_client")


def test_a_confidential_application_needs_its_secret(web, application, user):
    code = code_for(application, user, challenge=CHALLENGE)
    answer = exchange(web, application, code, client_secret=None, code_verifier=VERIFIER)
    is_bare(answer, 400, "invalid_client")


def test_a_new_secret(web, application, user):
    with transaction() as connection:
        rotated = applications.rotate_secret(connection, TESTS, application["id"])
    code = code_for(application, user)
    is_bare(exchange(web, application, code), 400, "invalid_client")
    assert exchange(web, rotated, code).status_code == 200


def test_who_guesses_has_to_wait(still, application, user):
    code = code_for(application, user)
    for _ in range(20):
        is_bare(exchange(still, application, code, client_secret="x"), 400, "invalid_client")
    answer = exchange(still, application, code)
    is_bare(answer, 429, "temporarily_unavailable")
    assert int(answer.headers["retry-after"]) > 0


def test_ids_that_are_none_wait_together(still, new_application, user):
    application = new_application()
    guesses = [{"client_id": f"oac_{number}", "client_secret": "x"} for number in range(21)]
    answers = [exchange(still, application, "x", **guess) for guess in guesses]
    assert [one.status_code for one in answers] == [400] * 20 + [429]
    assert exchange(still, application, code_for(application, user)).status_code == 200


def test_a_program_with_an_old_secret_keeps_nobody_else_out(still, new_application, user):
    stale, other = new_application(), new_application(name="Other")
    for _ in range(20):
        is_bare(exchange(still, stale, "x", client_secret="x"), 400, "invalid_client")
    assert exchange(still, stale, "x").status_code == 429
    assert exchange(still, other, code_for(other, user)).status_code == 200
    form = {"email": user.email, "password": PASSWORD}
    assert still.post("/sign-in", data=form).status_code == 303
