"""Refresh tokens."""

from datetime import timedelta

import pytest
from sqlalchemy import func, update

from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.oauth2 import tokens
from kyros_worker.oauth2.scope import DEFAULT
from kyros_worker.oauth2.tables import Grant, Token
from kyros_worker.user.tables import User
from tests.api.oauth2.token_endpoint import (
    TOKEN,
    actions,
    given_tokens,
    is_bare,
    refresh,
    refused,
)
from tests.applications import TESTS, code_for, credentials, rows
from tests.at_once import at_once
from tests.people import audit_entries


def test_refreshing(web, application, user):
    first = given_tokens(web, application, user)
    second = refresh(web, application, first["refresh_token"]).json()
    assert second["scope"] == first["scope"]
    assert second["refresh_token"] != first["refresh_token"]
    assert not refused(first["access_token"])
    assert not refused(second["access_token"])


def test_a_refresh_token_that_is_used_again_ends_the_grant(web, application, user):
    first = given_tokens(web, application, user)
    second = refresh(web, application, first["refresh_token"]).json()
    is_bare(refresh(web, application, first["refresh_token"]), 400, "invalid_grant")
    for body in (first, second):
        assert refused(body["access_token"])
        is_bare(refresh(web, application, body["refresh_token"]), 400, "invalid_grant")
    assert actions().count("oauth2_grant.reuse") == 1
    entry = audit_entries("oauth2_grant.reuse")[0]
    assert (entry["actor"], entry["address"]) == (application["id"], "127.0.0.1")
    assert entry["details"]["user"] == user.id


def test_other_grants_of_the_same_person_stay(web, application, user):
    first, other = (given_tokens(web, application, user) for _ in range(2))
    refresh(web, application, first["refresh_token"])
    refresh(web, application, first["refresh_token"])
    assert refused(first["access_token"])
    assert not refused(other["access_token"])


def test_of_many_refreshes_at_once_one_wins(web, application, user):
    token = given_tokens(web, application, user)["refresh_token"]
    answers = at_once(lambda _: refresh(web, application, token), range(6))
    assert sorted(one.status_code for one in answers) == [200, 400, 400, 400, 400, 400]
    assert len(rows(Token)) == 4


def test_the_loser_of_two_at_once_ends_nothing(web, application, user):
    token = given_tokens(web, application, user)["refresh_token"]
    with read() as connection:
        began = tokens.time_of_database(connection)
    won = refresh(web, application, token).json()
    with transaction() as connection:
        found = tokens.find_token(connection, token)
        assert tokens.refresh(connection, TESTS, found, None, began) is None
    assert not refused(won["access_token"])
    with transaction() as connection:
        later = tokens.time_of_database(connection)
        assert tokens.refresh(connection, TESTS, found, None, later) is None
    assert refused(won["access_token"])


@pytest.mark.parametrize("minutes", [-1, 1])
def test_the_clock_of_a_host_that_goes_wrong_decides_nothing(
    client, application, user, monkeypatch, minutes
):
    """Neither does a reuse count as two at once, nor the loser of two at once as a thief."""
    with transaction() as connection:
        found = tokens.find_code(connection, application["id"], code_for(application, user))
        first = tokens.exchange_code(connection, TESTS, found)
    monkeypatch.setattr(tokens, "now", lambda: now() + timedelta(minutes=minutes))
    found_first = read_token(first.refresh_token)
    with transaction() as connection:
        began = tokens.time_of_database(connection)
        assert tokens.refresh(connection, TESTS, found_first, None, began)
    with transaction() as connection:
        assert tokens.refresh(connection, TESTS, found_first, None, began) is None
    assert rows(Grant)[0].revoked_at is None
    form = {"grant_type": "refresh_token", "refresh_token": first.refresh_token}
    assert client.post(TOKEN, data=form | credentials(application)).status_code == 400
    assert rows(Grant)[0].revoked_at is not None


def read_token(token):
    with read() as connection:
        return tokens.find_token(connection, token)


def test_thirty_days_from_the_last_use(web, application, user):
    token = given_tokens(web, application, user)["refresh_token"]
    with transaction() as connection:
        connection.execute(update(Token).values(expires_at=func.now() + timedelta(seconds=60)))
    refresh(web, application, token)
    newest = max(row.expires_at for row in rows(Token, kind="refresh"))
    created = max(row.created_at for row in rows(Token, kind="refresh"))
    assert newest - created == timedelta(days=30)
    with transaction() as connection:
        connection.execute(update(Token).values(expires_at=func.now()))
    is_bare(refresh(web, application, token), 400, "invalid_grant")


@pytest.mark.parametrize(
    ("scope", "given"),
    [
        ("tasks:read", "tasks:read"),
        ("", " ".join(DEFAULT)),
        ("webhooks:manage", None),
        ("tasks:read admin", None),
        ("nothing", None),
    ],
)
def test_scope_of_a_refresh(web, application, user, scope, given):
    first = given_tokens(web, application, user)
    answer = refresh(web, application, first["refresh_token"], scope=scope)
    if given is None:
        is_bare(answer, 400, "invalid_scope")
        # Nothing was used up by it.
        assert refresh(web, application, first["refresh_token"]).status_code == 200
        return
    assert answer.json()["scope"] == given
    # The next one is worth as much as the first (RFC 6749, section 6).
    again = refresh(web, application, answer.json()["refresh_token"]).json()
    assert again["scope"] == " ".join(DEFAULT)


def test_admin_holds_every_other_permission(web, new_application, new_user):
    application = new_application(permissions=["admin"])
    boss = new_user("admin", email="boss@example.com")
    first = given_tokens(web, application, boss, ["admin"])
    assert first["scope"] == "admin"
    answer = refresh(web, application, first["refresh_token"], scope="webhooks:manage")
    assert answer.json()["scope"] == "webhooks:manage"
    with transaction() as connection:
        connection.execute(update(User).values(role="viewer"))
    answer = refresh(web, application, answer.json()["refresh_token"])
    assert answer.json()["scope"] == "tasks:read monitoring:read"


def test_a_refresh_token_of_another_client(web, new_application, application, user):
    token = given_tokens(web, application, user)["refresh_token"]
    other = new_application(name="Other")
    is_bare(refresh(web, other, token), 400, "invalid_grant")
    assert refresh(web, application, token).status_code == 200


def test_an_access_token_refreshes_nothing(web, application, user):
    token = given_tokens(web, application, user)["access_token"]
    is_bare(refresh(web, application, token), 400, "invalid_grant")
