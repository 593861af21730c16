"""What is asked of the token endpoints, and what becomes of tokens."""

import base64
from hashlib import sha256

from kyros_worker.errors import UnauthenticatedError
from kyros_worker.oauth2 import access
from kyros_worker.oauth2.access import authenticate_access_token
from kyros_worker.oauth2.scope import DEFAULT
from kyros_worker.oauth2.tables import Grant
from tests.applications import CALLBACK, code_for, credentials, rows
from tests.people import audit_entries

TOKEN, GUIDE, REVOKE = "/auth/oauth2/token", "/auth/oauth2/callback", "/auth/oauth2/revoke"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


def exchange(web, application, code, path=TOKEN, **fields):
    wanted = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    body = {**wanted, **credentials(application), **fields}
    return web.post(path, data={name: text for name, text in body.items() if text is not None})


def refresh(web, application, token, **fields):
    body = {"grant_type": "refresh_token", "refresh_token": token, **credentials(application)}
    return web.post(TOKEN, data={**body, **fields})


def given_tokens(web, application, user, permissions=DEFAULT):
    answer = exchange(web, application, code_for(application, user, permissions))
    assert answer.status_code == 200, answer.text
    return answer.json()


def is_bare(answer, status, error):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    body = answer.json()
    assert body["error"] == error, body
    assert set(body) <= {"error", "error_description"}
    assert ("www-authenticate" in answer.headers) == (status == 401)


def refused(token):
    access.forget()
    try:
        authenticate_access_token(token)
    except UnauthenticatedError:
        return True
    return False


def actions():
    known = {row.id for row in rows(Grant)}
    return [entry["action"] for entry in audit_entries() if entry["target"] in known]


def basic(client_id, client_secret):
    pair = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}
