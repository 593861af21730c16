"""The guide's flow, other clients' libraries, and the metadata that they read, over real HTTP."""

import asyncio
import re
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.integrations.requests_client import OAuth2Session
from oauthlib.oauth2 import BackendApplicationClient, LegacyApplicationClient, WebApplicationClient

from api import client_address, oauth2
from kyros_worker.oauth2.scope import DEFAULT
from kyros_worker.settings import current
from kyros_worker.user.session import authenticate_session
from tests.api.oauth2.token_endpoint import TOKEN, basic, is_bare, refused
from tests.applications import CALLBACK, code_for
from tests.credentials import COOKIE
from tests.people import session_of


@pytest.fixture
def site(server):
    return f"http://{server[0]}:{server[1]}"


@pytest.fixture
def allow(site, new_user):
    """Does what a person does in a browser; gives the address to which he is led."""
    cookie = session_of(new_user("developer").id)
    token = authenticate_session(cookie).csrf_token

    def decide(authorization_url):
        with httpx.Client(cookies={COOKIE: cookie}) as browser:
            assert "Allow" in browser.get(authorization_url).text
            form = {"decision": "allow", "csrf_token": token}
            return browser.post(authorization_url, data=form).headers["location"]

    return decide


def test_the_guide(site, allow, new_application):
    application = new_application()
    client_id, client_secret = application["id"], application["client_secret"]
    redirect_uri = CALLBACK

    # Create OAuth2 session
    oauth = OAuth2Session(client_id, redirect_uri=redirect_uri)

    # Get authorization URL
    authorization_url, state = oauth.create_authorization_url(f"{site}/auth/oauth2/authorize")

    # Redirect user to authorization_url
    # After authorization, handle callback
    url = allow(authorization_url)
    token = oauth.fetch_token(
        f"{site}/auth/oauth2/callback",
        authorization_response=url,
        client_secret=client_secret,
    )
    assert f"state={state}" in url
    assert token["scope"] == "tasks:read tasks:write agents:submit monitoring:read"
    answer = oauth.get(f"{site}/v1/tasks")
    assert answer.status_code == 200
    assert oauth.post(f"{site}/v1/webhooks", json={}).status_code == 403
    assert oauth.get(f"{site}/v1/tasks", headers={"X-Kyros-Mode": "test"}).status_code == 200
    # A code counts once, and who tries again loses what it gave.
    with pytest.raises(OAuthError, match="invalid_grant"):
        oauth.fetch_token(
            f"{site}/auth/oauth2/callback",
            authorization_response=url,
            client_secret=client_secret,
        )


def test_the_howto(site, allow, new_application, monkeypatch, capsys):
    text = Path("docs/howto/oauth2.md").read_text()
    ask, native, refresh, itself, revoke = re.findall("```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.setattr("builtins.input", lambda words: allow(re.search(r"http\S+", words)[0]))
    for application, samples in (
        (new_application(), (ask, refresh, revoke)),
        (
            new_application(public=True, redirect_uris=["http://127.0.0.1/callback"]),
            (native, refresh, revoke),
        ),
        (new_application(acts_for_itself=True, redirect_uris=[]), (itself,)),
    ):
        monkeypatch.setenv("KYROS_SITE", site)
        monkeypatch.setenv("OAUTH2_CLIENT_ID", application["id"])
        monkeypatch.setenv("OAUTH2_CLIENT_SECRET", application["client_secret"] or "")
        names: dict[str, object] = {}
        for sample in samples:
            exec(sample, names)  # noqa: S102 - the page's own samples, as they are printed
    assert capsys.readouterr().out.count("'success': True") == 2


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_with_a_secret(site, allow, new_application, method):
    application = new_application()
    with OAuth2Session(
        application["id"],
        application["client_secret"],
        redirect_uri=CALLBACK,
        scope="tasks:read",
        token_endpoint_auth_method=method,
        code_challenge_method="S256",
    ) as oauth:
        verifier = "v" * 48
        url, _ = oauth.create_authorization_url(
            f"{site}/auth/oauth2/authorize", code_verifier=verifier
        )
        endpoint = f"{site}/auth/oauth2/token"
        first = oauth.fetch_token(
            endpoint, authorization_response=allow(url), code_verifier=verifier
        )
        assert first["scope"] == "tasks:read"
        second = oauth.refresh_token(endpoint, first["refresh_token"])
        assert second["access_token"] != first["access_token"]
        assert oauth.get(f"{site}/v1/tasks").status_code == 200
        answer = oauth.revoke_token(f"{site}/auth/oauth2/revoke", second["refresh_token"])
        assert answer.status_code == 200


def test_a_native_application(site, allow, new_application):
    application = new_application(public=True, redirect_uris=["http://127.0.0.1/callback"])
    uri = "http://127.0.0.1:51789/callback"
    with OAuth2Session(
        application["id"],
        redirect_uri=uri,
        token_endpoint_auth_method="none",
        code_challenge_method="S256",
    ) as oauth:
        verifier = "v" * 64
        url, _ = oauth.create_authorization_url(
            f"{site}/auth/oauth2/authorize", code_verifier=verifier
        )
        back = allow(url)
        assert urlsplit(back).netloc == "127.0.0.1:51789"
        endpoint = f"{site}/auth/oauth2/token"
        token = oauth.fetch_token(endpoint, authorization_response=back, code_verifier=verifier)
        assert oauth.get(f"{site}/v1/tasks").status_code == 200
        oauth.refresh_token(endpoint, token["refresh_token"])
        assert oauth.get(f"{site}/v1/tasks").status_code == 200


def test_authlib_on_httpx_for_itself(site, new_application):
    application = new_application(acts_for_itself=True, redirect_uris=[])

    async def call():
        async with AsyncOAuth2Client(application["id"], application["client_secret"]) as oauth:
            token = await oauth.fetch_token(
                f"{site}/auth/oauth2/token", grant_type="client_credentials", scope="tasks:read"
            )
            return token, await oauth.get(f"{site}/v1/tasks")

    token, answer = asyncio.run(call())
    assert token["scope"] == "tasks:read"
    assert answer.status_code == 200


def test_a_token_that_is_none(site):
    answer = httpx.get(f"{site}/v1/tasks", headers={"Authorization": "Bearer kyros_at_x"})
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_oauthlib(web, application, user):
    peer = WebApplicationClient(application["id"])
    code = code_for(application, user)
    url = f"{CALLBACK}?code={code}&state=s"
    assert peer.parse_request_uri_response(url, state="s")["code"] == code
    body = peer.prepare_request_body(
        code=code, redirect_uri=CALLBACK, client_secret=application["client_secret"]
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = web.post(TOKEN, content=body, headers=headers)
    assert peer.parse_request_body_response(answer.text)["scope"] == list(DEFAULT)
    first = peer.access_token
    body = peer.prepare_refresh_body(
        client_id=peer.client_id, client_secret=application["client_secret"]
    )
    answer = web.post(TOKEN, content=body, headers=headers)
    assert peer.parse_request_body_response(answer.text)["access_token"] != first
    assert not refused(peer.access_token)


def test_oauthlib_for_itself(web, new_application):
    application = new_application(acts_for_itself=True)
    peer = BackendApplicationClient(application["id"])
    body = peer.prepare_request_body(scope="tasks:read")
    answer = web.post(
        TOKEN,
        content=body,
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            **basic(application["id"], application["client_secret"]),
        },
    )
    assert peer.parse_request_body_response(answer.text)["scope"] == ["tasks:read"]


def test_oauthlib_with_a_password(web, application):
    peer = LegacyApplicationClient(application["id"])
    body = peer.prepare_request_body(
        "jo@example.com", "four plain words here", include_client_id=True
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    is_bare(web.post(TOKEN, content=body, headers=headers), 400, "unsupported_grant_type")


def test_metadata(web):
    answer = web.get("/.well-known/oauth-authorization-server").json()
    from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

    at = str(web.base_url).rstrip("/")
    assert answer["issuer"] == at
    assert answer["token_endpoint"] == at + TOKEN
    assert answer["code_challenge_methods_supported"] == ["S256"]
    checked = AuthorizationServerMetadata(answer)
    for name in checked.REGISTRY_KEYS:
        if name not in ("issuer", "jwks_uri"):
            getattr(checked, f"validate_{name}")()


def test_metadata_behind_a_proxy_that_ends_tls(client, monkeypatch):
    told = current().model_copy(update={"trusted_proxies": "127.0.0.1", "public_url": None})
    for module in (client_address, oauth2):
        monkeypatch.setattr(module, "current", lambda: told)
    headers = {"X-Forwarded-Proto": "https", "Host": "kyros.example"}
    answer = client.get("/.well-known/oauth-authorization-server", headers=headers)
    assert answer.json["issuer"] == "https://kyros.example"
