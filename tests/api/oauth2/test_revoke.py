"""Revocation."""

import pytest

from kyros_worker.oauth2.tables import Grant
from tests.api.oauth2.token_endpoint import (
    CHALLENGE,
    REVOKE,
    VERIFIER,
    actions,
    exchange,
    given_tokens,
    is_bare,
    refresh,
    refused,
)
from tests.applications import code_for, credentials, rows
from tests.people import audit_entries


def test_revoking_a_refresh_token_ends_the_grant(web, application, user):
    body = given_tokens(web, application, user)
    for _ in range(2):
        answer = web.post(REVOKE, data={"token": body["refresh_token"], **credentials(application)})
        assert (answer.status_code, answer.json()) == (200, {})
    assert refused(body["access_token"])
    assert actions()[0] == "oauth2_grant.revoke"


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense", ""])
def test_a_hint_changes_nothing(web, application, user, hint):
    body = given_tokens(web, application, user)
    fields = {"token": body["access_token"], "token_type_hint": hint, **credentials(application)}
    assert web.post(REVOKE, data=fields).status_code == 200
    assert refused(body["access_token"])
    assert refresh(web, application, body["refresh_token"]).status_code == 200


def test_revoking_an_access_token_is_written_down_once(web, application, user):
    body = given_tokens(web, application, user)
    for _ in range(2):
        web.post(REVOKE, data={"token": body["access_token"], **credentials(application)})
    assert actions().count("oauth2_token.revoke") == 1
    entry = audit_entries("oauth2_token.revoke")[0]
    assert (entry["actor"], entry["target"]) == (application["id"], rows(Grant)[0].id)
    assert entry["details"] == {"application": application["id"]}


def test_revoking_what_is_not_ours(web, new_application, application, user):
    other, body = new_application(name="Other"), given_tokens(web, application, user)
    for token in (body["access_token"], body["refresh_token"]):
        answer = web.post(REVOKE, data={"token": token, **credentials(other)})
        is_bare(answer, 400, "invalid_grant")
    assert web.post(REVOKE, data={"token": "x", **credentials(other)}).status_code == 200
    is_bare(web.post(REVOKE, data=credentials(other)), 400, "invalid_request")
    assert not refused(body["access_token"])


def test_a_public_application_revokes(web, new_application, user):
    application = new_application(public=True)
    code = code_for(application, user, challenge=CHALLENGE)
    body = exchange(web, application, code, code_verifier=VERIFIER).json()
    fields = {"token": body["access_token"], "client_id": application["id"]}
    assert web.post(REVOKE, data=fields).status_code == 200
    assert refused(body["access_token"])
