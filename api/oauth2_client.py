"""Which application a request comes from, and whether it is really that one (RFC 6749, 2.3).

Authlib's own way tries one method after the other until one fits. Here a request uses one, or is
refused: else one part of a system could take it to be another client's than the next part does.
"""

import base64
import binascii
from typing import NoReturn
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError
from flask import request

from api.client_address import client_address
from api.limits import count_failed_sign_in, count_request, refuse_failed_sign_ins
from kyros_worker.database import read
from kyros_worker.oauth2 import redirect_uri, scope
from kyros_worker.oauth2.queries import KnownApplication, known_application
from kyros_worker.user.failures import network_of

METHODS = ["client_secret_basic", "client_secret_post", "none"]


class Client:
    """An application as Authlib asks for it (`ClientMixin`)."""

    def __init__(self, application: KnownApplication) -> None:
        self.application = application

    def get_default_redirect_uri(self) -> str | None:
        """The only one, where there is only one (RFC 6749, section 3.1.2.3)."""
        uris = self.application.redirect_uris
        return uris[0] if len(uris) == 1 else None

    def check_redirect_uri(self, uri: str) -> bool:
        """Whether it is registered."""
        known = self.application
        return redirect_uri.registered(uri, known.redirect_uris, public=known.public)

    def check_response_type(self, response_type: str) -> bool:
        """Codes alone: no token in an address."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether the application may use it."""
        return grant_type != "client_credentials" or self.application.acts_for_itself

    def get_allowed_scope(self, asked: str | None) -> str | None:
        """What is asked for, or the default; None when it is too much or unknown."""
        permissions = scope.asked(asked, self.application.permissions)
        return None if permissions is None else " ".join(permissions)


def find_client(client_id: str) -> Client | None:
    """The application of that id."""
    with read() as connection:
        known = known_application(connection, client_id)
    return None if known is None else Client(known)


def authenticate(form: dict[str, str], methods: list[str]) -> tuple[Client, str]:
    """The client of the current request, and the one method that it uses.

    Raises OAuth2Errors, and TooManyRequestsError after many tries that failed from its address, or
    when the client has asked too often.
    """
    client_id, client_secret, method = _credentials(form)
    client = find_client(client_id) if client_id else None
    # All ids that are none share a window: who invents them is to fill Redis with no more than it.
    application_id = client.application.id if client else ""
    refuse_failed_sign_ins(application_id)
    if client is None or method not in methods:
        _refuse(method, application_id)
    known = client.application
    right = known.public if client_secret is None else known.has_secret(client_secret)
    if not right:
        _refuse(method, application_id)
    count_request(_credential(known))
    return client, method


def _credential(application: KnownApplication) -> str:
    """By what its requests are counted: as those are that it makes for itself."""
    name = f"oauth2:{application.id}"
    # Anybody can send a public application's id, and must not use up what others may ask by it.
    return f"{name}:{network_of(client_address())}" if application.public else name


def _credentials(form: dict[str, str]) -> tuple[str | None, str | None, str]:
    """Id, secret and method of the client; no id where the header is not to be read.

    Raises InvalidRequestError for two methods at once.
    """
    in_body = form.get("client_id"), form.get("client_secret")
    header = request.headers.get("Authorization")
    if header is None:
        return *in_body, "none" if in_body[1] is None else "client_secret_post"
    pair = _basic(header)
    if in_body[1] is not None:
        raise InvalidRequestError("Send the client's secret in one place only.")
    if pair is None:
        return None, None, "client_secret_basic"
    if in_body[0] not in (None, pair[0]):
        raise InvalidRequestError("client_id is another than that of the Authorization header.")
    return *pair, "client_secret_basic"


def _basic(header: str) -> tuple[str, str] | None:
    """Id and secret of a Basic header, each form-encoded (RFC 6749, section 2.3.1)."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded.strip().encode("ascii"), validate=True).decode()
        client_id, colon, client_secret = text.partition(":")
        pair = (
            unquote_plus(client_id, errors="strict"),
            unquote_plus(client_secret, errors="strict"),
        )
    except (binascii.Error, UnicodeError):
        return None
    return pair if colon else None


def _refuse(method: str, application_id: str) -> NoReturn:
    """One sentence, whether there is such a client or not."""
    count_failed_sign_in(application_id)
    # A 401 must name a scheme (RFC 9110), which makes sense to those alone who used one.
    status = 401 if method == "client_secret_basic" else 400
    raise InvalidClientError(
        "There is no such client with this secret, or it can't come this way.", status_code=status
    )
