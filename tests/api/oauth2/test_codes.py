"""Codes, and the tokens that they give."""

from datetime import timedelta

import pytest
from sqlalchemy import func, update

from kyros_worker.auth import remembered
from kyros_worker.clock import now
from kyros_worker.database import transaction
from kyros_worker.errors import UnauthenticatedError
from kyros_worker.oauth2 import access, applications, grants, secret
from kyros_worker.oauth2.access import authenticate_access_token
from kyros_worker.oauth2.scope import DEFAULT
from kyros_worker.oauth2.tables import Code, Grant, Token
from kyros_worker.user.tables import User
from tests.api.oauth2.token_endpoint import (
    CHALLENGE,
    GUIDE,
    REVOKE,
    TOKEN,
    VERIFIER,
    actions,
    exchange,
    given_tokens,
    is_bare,
    refresh,
    refused,
)
from tests.applications import CALLBACK, TESTS, code_for, credentials, rows
from tests.at_once import at_once


@pytest.mark.parametrize("path", [TOKEN, GUIDE])
def test_a_code_gives_tokens(web, application, user, path):
    answer = exchange(web, application, code_for(application, user), path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    body = answer.json()
    assert body.pop("access_token").startswith("kyros_at_")
    assert body.pop("refresh_token").startswith("kyros_rt_")
    assert body == {"token_type": "Bearer", "expires_in": 3600, "scope": " ".join(DEFAULT)}


def test_who_calls_with_a_token(web, application, user):
    token = given_tokens(web, application, user)["access_token"]
    subject = authenticate_access_token(token)
    assert (subject.id, subject.via, subject.kind) == (user.id, application["id"], "oauth2")
    assert subject.permissions == set(DEFAULT)


def test_nothing_is_kept_plain(web, application, user):
    code = code_for(application, user)
    body = exchange(web, application, code).json()
    kept = str([rows(table) for table in (Code, Token, Grant, applications.Application)])
    for plain in (code, body["access_token"], body["refresh_token"], application["client_secret"]):
        assert plain not in kept
        assert secret.digest(plain) in kept


def test_a_token_can_do_what_its_person_may_now(web, application, user):
    token = given_tokens(web, application, user)["access_token"]
    with transaction() as connection:
        connection.execute(update(User).values(role="viewer"))
    access.forget()
    assert authenticate_access_token(token).permissions == {"tasks:read", "monitoring:read"}
    with transaction() as connection:
        applications.change(connection, TESTS, application["id"], permissions=["tasks:read"])
    access.forget()
    assert authenticate_access_token(token).permissions == {"tasks:read"}


def test_what_is_remembered_ends_with_the_token(web, application, user, monkeypatch):
    token = given_tokens(web, application, user)["access_token"]
    authenticate_access_token(token)
    later = now() + timedelta(hours=1, seconds=1)
    monkeypatch.setattr(remembered, "now", lambda: later)
    with pytest.raises(UnauthenticatedError):
        authenticate_access_token(token)


@pytest.mark.parametrize("end", ["user", "application", "grant", "itself", "garbage", "refresh"])
def test_what_ends_a_token(web, application, user, end):
    body = given_tokens(web, application, user)
    token = body["access_token"]
    with transaction() as connection:
        if end == "user":
            connection.execute(update(User).values(disabled_at=func.now()))
        elif end == "application":
            applications.delete(connection, TESTS, application["id"])
        elif end == "grant":
            grants.revoke_own(connection, TESTS, user.id, rows(Grant)[0].id)
    if end == "itself":
        answer = web.post(REVOKE, data={"token": token, **credentials(application)})
        assert (answer.status_code, answer.json()) == (200, {})
    token = {"garbage": token[:-1], "refresh": body["refresh_token"]}.get(end, token)
    assert refused(token)
    answer = refresh(web, application, body["refresh_token"])
    if end == "application":
        is_bare(answer, 400, "invalid_client")
    elif end in ("user", "grant"):
        is_bare(answer, 400, "invalid_grant")
    else:
        assert answer.status_code == 200


# Codes.


def test_a_code_that_is_used_again_ends_what_it_gave(web, application, user):
    code = code_for(application, user)
    body = exchange(web, application, code).json()
    is_bare(exchange(web, application, code), 400, "invalid_grant")
    assert refused(body["access_token"])
    is_bare(refresh(web, application, body["refresh_token"]), 400, "invalid_grant")
    assert actions()[0] == "oauth2_grant.reuse"


def test_of_many_at_once_one_code_gives_tokens_once(web, application, user):
    code = code_for(application, user)
    answers = at_once(lambda _: exchange(web, application, code), range(6))
    won = [one.json() for one in answers if one.status_code == 200]
    assert len(won) == 1
    assert len(rows(Token)) == 2
    assert refused(won[0]["access_token"])
    assert actions().count("oauth2_grant.reuse") == 1


def test_a_code_of_another_client(web, new_application, application, user):
    code, other = code_for(application, user), new_application(name="Other")
    is_bare(exchange(web, other, code), 400, "invalid_grant")
    # It was not burnt by it.
    assert exchange(web, application, code).status_code == 200
    assert "oauth2_grant.reuse" not in actions()


def test_a_code_that_is_too_old(web, application, user):
    code = code_for(application, user)
    with transaction() as connection:
        connection.execute(update(Code).values(expires_at=func.now()))
    is_bare(exchange(web, application, code), 400, "invalid_grant")


@pytest.mark.parametrize("uri", [None, CALLBACK + "/", CALLBACK.upper(), "https://evil.example/"])
def test_a_code_is_bound_to_its_redirect_uri(web, application, user, uri):
    answer = exchange(web, application, code_for(application, user), redirect_uri=uri)
    is_bare(answer, 400, "invalid_grant")


def test_a_code_without_redirect_uri(web, application, user):
    code = code_for(application, user, redirect_uri=None)
    assert exchange(web, application, code, redirect_uri=None).status_code == 200


@pytest.mark.parametrize("change", [{"code": None}, {"code": ""}, {"grant_type": None}])
def test_what_is_missing(web, application, user, change):
    code = code_for(application, user)
    is_bare(exchange(web, application, **{"code": code, **change}), 400, "invalid_request")


# PKCE.


@pytest.mark.parametrize("public", [True, False])
@pytest.mark.parametrize(
    ("challenge", "verifier", "status"),
    [
        (CHALLENGE, VERIFIER, 200),
        (CHALLENGE, None, 400),
        (CHALLENGE, "w" * 43, 400),
        (CHALLENGE, "v" * 42, 400),
        (CHALLENGE, "v" * 129, 400),
        (CHALLENGE, VERIFIER + "\n", 400),
        (CHALLENGE, "é" * 43, 400),
        (CHALLENGE, CHALLENGE, 400),
        (None, VERIFIER, 400),
    ],
)
def test_pkce(web, new_application, user, public, challenge, verifier, status):
    application = new_application(public=public)
    code = code_for(application, user, challenge=challenge)
    answer = exchange(web, application, code, code_verifier=verifier)
    assert answer.status_code == status
    if status != 200:
        assert answer.json()["error"] in ("invalid_request", "invalid_grant")
        if challenge:
            assert exchange(web, application, code, code_verifier=VERIFIER).status_code == 200


def test_a_public_application_never_goes_without(web, new_application, user):
    application = new_application(public=True)
    code = code_for(application, user)
    is_bare(exchange(web, application, code), 400, "invalid_request")
