"""Authlib's server of OAuth2 over the rules and rows of `kyros_worker.oauth2`.

Authlib decides in which order a request is checked, and what it is told. Three things are done
here instead, where Authlib's way would not hold: the client is authenticated by exactly one method;
PKCE is S256 alone; and each exchange is one transaction, so that of two at once one wins.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    OAuth2Request,
)
from authlib.oauth2.rfc6749 import grants as authlib_grants
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import Response, request

from api.client_address import client_address
from api.oauth2_answer import bare, description
from api.oauth2_client import METHODS, Client, authenticate, find_client
from api.request_id import request_id
from kyros_worker.audit.actor import Actor
from kyros_worker.database import read, transaction
from kyros_worker.oauth2 import scope, tokens
from kyros_worker.oauth2.queries import KnownApplication
from kyros_worker.oauth2.tokens import FoundCode, FoundToken, Issued

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_UNAUTHENTICATED = 401


class Request(OAuth2Request):
    """A request whose parameters were read by the strict parser."""

    client: Client | None

    def __init__(self, parameters: Mapping[str, str]) -> None:
        # TLS may end at a proxy before us: Authlib would refuse the plain address.
        super().__init__(request.method, "https://kyros/", headers=request.headers)
        # A parameter without a value counts as omitted (RFC 6749, section 3.2).
        self.payload = BasicOAuth2Payload({name: text for name, text in parameters.items() if text})

    @property
    def form(self) -> dict[str, str]:
        """The body's parameters."""
        return cast("dict[str, str]", self.payload.data)

    @property
    def application(self) -> KnownApplication:
        """The application whose client was authenticated or found."""
        assert self.client is not None, "Authlib has asked for it"
        return self.client.application

    def actor(self) -> Actor:
        """The application, for the audit log."""
        return Actor(self.application.id, client_address(), request_id())


class _Pkce(CodeChallenge):
    """S256 alone; without it only where a secret proves who comes with the code."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012 - Authlib's own form

    def validate_code_challenge(self, grant: Any, _: str) -> None:
        asked = grant.request.payload.data
        challenge, method = asked.get("code_challenge"), asked.get("code_challenge_method")
        if challenge is None and method is None:
            if grant.request.application.public:
                raise InvalidRequestError("A public application must send a code_challenge.")
        elif method != "S256":
            raise InvalidRequestError("code_challenge_method must be S256.")
        elif challenge is None or not _CHALLENGE.fullmatch(challenge):
            raise InvalidRequestError("code_challenge must be 43 characters of base64url.")

    def get_authorization_code_challenge(self, code: "_Code") -> str | None:
        return code.found.code_challenge

    def get_authorization_code_challenge_method(self, _: "_Code") -> str:
        return "S256"


class AuthorizationCode(authlib_grants.AuthorizationCodeGrant):
    """`authorization_code`: a code, then tokens for it."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def query_authorization_code(self, code: str, client: Client) -> "_Code | None":
        """Authlib's hook: the client's own code, whether it can still be used or not."""
        with read() as connection:
            found = tokens.find_code(connection, client.application.id, code)
        return _Code(found) if found else None

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Authlib's hook: the tokens, or InvalidGrantError."""
        asked = self.request
        with transaction() as connection:
            issued = tokens.exchange_code(connection, asked.actor(), asked.authorization_code.found)
        return _given(issued, "The code was used before, has expired, or was revoked.")


class _RefreshToken(authlib_grants.RefreshTokenGrant):
    """`refresh_token`: the next pair of tokens."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    began_at: datetime

    def validate_token_request(self) -> None:
        # The first that is done: whatever takes its time comes later.
        with read() as connection:
            self.began_at = tokens.time_of_database(connection)
        super().validate_token_request()

    def authenticate_refresh_token(self, refresh_token: str) -> "_Token | None":
        with read() as connection:
            found = tokens.find_token(connection, refresh_token)
        return _Token(found) if found and found.kind == "refresh" else None

    def _validate_token_scope(self, token: "_Token") -> None:
        # `admin` holds every other permission, which Authlib can't know.
        wanted = self.request.payload.scope
        if wanted and scope.asked(wanted, token.found.permissions) is None:
            raise InvalidScopeError

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        asked = self.request
        wanted = asked.payload.scope
        with transaction() as connection:
            issued = tokens.refresh(
                connection,
                asked.actor(),
                asked.refresh_token.found,
                wanted.split(" ") if wanted else None,
                self.began_at,
            )
        return _given(issued, "The refresh token was used before, has expired, or was revoked.")


class _ClientCredentials(authlib_grants.ClientCredentialsGrant):
    """`client_credentials`: an application for itself."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS[:2]

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        application = self.request.application
        permissions = scope.asked(self.request.payload.scope, application.permissions)
        if permissions is None:
            raise InvalidScopeError
        with transaction() as connection:
            issued = tokens.issue_to_itself(connection, application, permissions)
        return _given(issued, "The application was deleted.")


class _Revocation(RevocationEndpoint):
    """RFC 7009, for every client."""

    CLIENT_AUTH_METHODS = METHODS

    def check_params(self, asked: Request, _: Client) -> None:
        # A hint that is wrong or unknown is none (section 2.1): tokens are found without it.
        if "token" not in asked.form:
            raise InvalidRequestError("Missing 'token' in request.")

    def query_token(self, token: str, _: str | None) -> "_Token | None":
        with read() as connection:
            found = tokens.find_token(connection, token)
        return _Token(found) if found else None

    def revoke_token(self, token: "_Token", asked: Request) -> None:
        with transaction() as connection:
            tokens.revoke(connection, asked.actor(), token.found)


class _Code:
    """A code as Authlib asks for it (`AuthorizationCodeMixin`)."""

    def __init__(self, found: FoundCode) -> None:
        self.found = found

    def get_redirect_uri(self) -> str | None:
        return self.found.redirect_uri


class _Token:
    """A token as Authlib asks for it (`TokenMixin`)."""

    def __init__(self, found: FoundToken) -> None:
        self.found = found

    def check_client(self, client: Client) -> bool:
        return self.found.application_id == client.application.id


class Server(AuthorizationServer):
    """Authlib's server on this API's requests and answers."""

    def query_client(self, client_id: str) -> Client | None:
        """The application of that id."""
        return find_client(client_id)

    def authenticate_client(self, asked: Request, methods: list[str], _: str = "token") -> Client:
        """Authlib's hook: the client; raises as `authenticate` does."""
        client, asked.auth_method = authenticate(asked.form, methods)
        # Authlib sets it after its first checks; what those refuse is told by it.
        asked.client = client
        return client

    def get_authorization_grant(self, asked: Request) -> AuthorizationCode:
        """The one kind there is. Raises OAuth2Errors."""
        grant = AuthorizationCode(asked, self)
        _Pkce(required=True)(grant)
        return grant

    def get_token_grant(self, asked: Request) -> Any:
        """What handles the request's `grant_type`. Raises OAuth2Errors."""
        if asked.payload.grant_type is None:
            raise InvalidRequestError("Missing 'grant_type' in request.")
        return super().get_token_grant(asked)

    def create_oauth2_request(self, asked: Request) -> Request:
        """Authlib's hook: the request is one already."""
        return asked

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        """Authlib's hook: an answer of the token endpoint."""
        return bare(status, body, dict(headers))

    def handle_error_response(self, _: Request, error: OAuth2Error) -> Response:
        """Authlib's hook: an error of the token endpoint, in the characters that it may have."""
        status, challenge = error.status_code, {}
        if status == _UNAUTHENTICATED:
            challenge = {"WWW-Authenticate": 'Basic realm="kyros"'}
        return bare(status, error_parameters(error), challenge)

    def send_signal(self, name: str, *_: Any, **__: Any) -> None:
        """Authlib's hook; nobody listens."""


def error_parameters(error: OAuth2Error) -> dict[str, str]:
    """An error in the characters that it may have, for a body or a redirect."""
    text = error.get_error_description()
    return {"error": error.error, **({"error_description": description(text)} if text else {})}


def _given(
    issued: Issued | None, otherwise: str
) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
    """The answer with tokens (RFC 6749, section 5.1). Raises InvalidGrantError where none are."""
    if issued is None:
        raise InvalidGrantError(otherwise)
    body: dict[str, Any] = {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": int(tokens.ACCESS_TOKEN_LIVES.total_seconds()),
        "scope": " ".join(issued.permissions),
    }
    if issued.refresh_token is not None:
        body["refresh_token"] = issued.refresh_token
    return 200, body, []


def _make() -> Server:
    made = Server()
    made.register_grant(AuthorizationCode, [_Pkce(required=True)])
    made.register_grant(_RefreshToken)
    made.register_grant(_ClientCredentials)
    made.register_endpoint(_Revocation)
    return made


server = _make()
