"""The signatures of a delivery, and the headers that carry them.

Two schemes sign the same bytes. `X-Kyros-Signature` is one bare hexadecimal value, which receivers
compare as it stands, so it can't hold two. `webhook-signature` is that of Standard Webhooks: it
covers the message's id and time too, and may list several signatures while a secret is replaced.
"""

import base64
import hashlib
import hmac
import re
import secrets

_PREFIX = "whsec_"
_SECRET_BYTES = 32
#: Base64 of one byte or more; the padding may be left out, as it is by some makers of secrets.
_BASE64 = re.compile(
    r"(?=..)(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?", re.ASCII
)


def new_secret() -> str:
    """A secret of 32 random bytes, in the form that every library of Standard Webhooks takes."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def hex_signature(secret: str, body: bytes) -> str:
    """The lower-case hexadecimal HMAC-SHA256 of the body; its key is the secret as typed."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard_key(secret: str) -> bytes:
    """The key of `webhook-signature`.

    What a `whsec_` secret holds in base64; for any other secret its UTF-8 bytes, all of them.
    """
    encoded = secret.removeprefix(_PREFIX)
    if encoded == secret or not _BASE64.fullmatch(encoded):
        return secret.encode()
    bare = encoded.rstrip("=")
    return base64.b64decode(bare + "=" * (-len(bare) % 4))


def whsec_form(secret: str) -> str:
    """The secret of the same `webhook-signature` for libraries that take base64 only."""
    return _PREFIX + base64.b64encode(standard_key(secret)).decode()


def standard_signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One entry of `webhook-signature`; the timestamp is in seconds since 1970."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(standard_key(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def headers(
    *,
    secret: str,
    pending_secret: str | None,
    event_id: str,
    event_type: str,
    delivery_id: str,
    timestamp: int,
    body: bytes,
    request_id: str | None = None,
) -> dict[str, str]:
    """The headers of one try of a delivery.

    The event's id is the message's id: it stays the same over retries, so that a receiver can tell
    a repeated message. While a secret waits to be activated, both sign `webhook-signature`.
    """
    # So that whoever asked for the work finds both ends of it under one id.
    asked = {} if request_id is None else {"X-Request-Id": request_id}
    signing = [secret] if pending_secret is None else [secret, pending_secret]
    return {
        "Content-Type": "application/json",
        "X-Kyros-Signature": hex_signature(secret, body),
        "X-Kyros-Event": event_type,
        "X-Kyros-Delivery": delivery_id,
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            standard_signature(each, event_id, timestamp, body) for each in signing
        ),
        **asked,
    }
