"""OAuth2 for programs: tokens, their revocation, and the server's metadata.

`/auth/oauth2/authorize`, where people decide, is a page: `api.dashboard.consent`.
"""

from authlib.oauth2.rfc6749 import OAuth2Error
from flask import Blueprint, Response, request

from api.caller import open_to_all
from api.client_address import is_secure
from api.oauth2_answer import AUTHORIZE, CALLBACK, REVOKE, TOKEN, bare
from api.oauth2_client import METHODS
from api.oauth2_server import Request, error_parameters, server
from kyros_worker.auth.subject import PERMISSIONS
from kyros_worker.errors import MalformedRequestError
from kyros_worker.settings import current

blueprint = Blueprint("oauth2", __name__)


@blueprint.post(TOKEN)
@blueprint.post(CALLBACK)
@open_to_all
def token() -> Response:
    """Tokens for a code, a refresh token, or an application's own credentials."""
    try:
        answer: Response = server.create_token_response(Request(_form()))
    except OAuth2Error as error:
        return bare(400, error_parameters(error))
    return answer


@blueprint.post(REVOKE)
@open_to_all
def revoke() -> Response:
    """Ends a token (RFC 7009); 200 for an unknown one, which has ended as well."""
    answer: Response = server.create_endpoint_response("revocation", Request(_form()))
    return answer


@blueprint.get("/.well-known/oauth-authorization-server")
@open_to_all
def metadata() -> Response:
    """What a client needs to know of this server (RFC 8414)."""
    at = issuer()
    return bare(
        200,
        {
            "issuer": at,
            "authorization_endpoint": at + AUTHORIZE,
            "token_endpoint": at + TOKEN,
            "revocation_endpoint": at + REVOKE,
            "scopes_supported": PERMISSIONS,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "token_endpoint_auth_methods_supported": METHODS,
            "revocation_endpoint_auth_methods_supported": METHODS,
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "service_documentation": f"{at}/docs",
        },
    )


def issuer() -> str:
    """Who gives the tokens: where people reach this server."""
    here = f"{'https' if is_secure() else 'http'}://{request.host}"
    return (current().public_url or here).rstrip("/")


def _form() -> dict[str, str]:
    """The body's parameters; raises MalformedRequestError for one that comes twice (3.2)."""
    for name, values in request.form.lists():
        if len(values) > 1:
            raise MalformedRequestError(f"{name[:100]} is there more than once.")
    return request.form.to_dict()
