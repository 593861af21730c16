"""Verifies what Kyros sends to a webhook.

    event = kyros.webhooks.verify(request.get_data(), request.headers, secret)

Pass the bytes of the body as they came: parsed and written again, they may differ.
"""

import base64
import hashlib
import hmac
import json
import re
import time
from typing import Any, Dict, Mapping, Optional

_SIGNATURE = "webhook-signature"
_BARE_SIGNATURE = "X-Kyros-Signature"
_PREFIX = "whsec_"
#: Base64 of one byte or more; the padding may be left out.
_BASE64 = re.compile(
    r"(?=..)(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?", re.ASCII
)


class WebhookVerificationError(Exception):
    """The request is not one that Kyros sent, or not one that is to be trusted now."""


def verify(
    payload: bytes,
    headers: Mapping[str, str],
    secret: str,
    *,
    tolerance: float = 300,
    now: Optional[float] = None,
    allow_untimed: bool = False,
) -> Dict[str, Any]:
    """The event in a request's body, once its signature is found to be right.

    The Standard Webhooks headers (`webhook-id`, `webhook-timestamp`, `webhook-signature`) are
    checked, and refused more than `tolerance` seconds away from `now` (seconds since 1970; default:
    this machine's clock). With `allow_untimed`, where none of them is there, `X-Kyros-Signature`
    does: it covers no time, so whoever recorded a request can send it again at any time.

    Raises WebhookVerificationError, with a sentence that says what is wrong; TypeError or
    ValueError where it is the caller that is wrong.
    """
    if not isinstance(payload, (bytes, bytearray, memoryview)):
        raise TypeError("payload must be the bytes of the body, as they came.")
    if not secret:
        raise ValueError("secret is empty: with it, anybody could sign.")
    body = bytes(payload)
    found = {name.lower(): value for name, value in headers.items()}
    if any(name in found for name in ("webhook-id", "webhook-timestamp", _SIGNATURE)):
        _verify_standard(body, found, secret, tolerance, time.time() if now is None else now)
    else:
        _verify_bare(body, found, secret, allow_untimed=allow_untimed)
    return _parsed(body)


def _verify_standard(
    body: bytes, headers: Mapping[str, str], secret: str, tolerance: float, now: float
) -> None:
    message_id = _header(headers, "webhook-id")
    timestamp = _header(headers, "webhook-timestamp")
    signatures = _header(headers, _SIGNATURE)
    if not re.fullmatch("[0-9]{1,12}", timestamp):
        raise WebhookVerificationError("The header webhook-timestamp is not a time in seconds.")
    signed = _bytes(f"{message_id}.{timestamp}.") + body
    digest = hmac.new(_standard_key(secret), signed, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(digest)
    if not any(hmac.compare_digest(expected, _bytes(each)) for each in signatures.split(" ")):
        raise WebhookVerificationError("No signature in webhook-signature matches.")
    age = now - int(timestamp)
    # Written so that a tolerance that is no number (NaN) lets nothing pass.
    if not age <= tolerance:
        raise WebhookVerificationError(f"The message is too old: more than {tolerance} seconds.")
    if not -age <= tolerance:
        raise WebhookVerificationError(
            f"The message is from the future, by more than {tolerance} seconds: is the clock right?"
        )


def _verify_bare(
    body: bytes, headers: Mapping[str, str], secret: str, *, allow_untimed: bool
) -> None:
    if _BARE_SIGNATURE.lower() not in headers:
        raise WebhookVerificationError(
            f"The request is not signed: it has neither {_SIGNATURE} nor {_BARE_SIGNATURE}."
        )
    if not allow_untimed:
        raise WebhookVerificationError(
            f"The request has {_BARE_SIGNATURE} alone, which covers no time: "
            f"{_SIGNATURE} is missing."
        )
    signature = headers[_BARE_SIGNATURE.lower()]
    if not re.fullmatch("[0-9a-f]{64}", signature):
        raise WebhookVerificationError(
            f"The header {_BARE_SIGNATURE} is not 64 lower-case hexadecimal digits."
        )
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, signature):
        raise WebhookVerificationError(f"The signature in {_BARE_SIGNATURE} does not match.")


def _standard_key(secret: str) -> bytes:
    """What a `whsec_` secret holds in base64; for any other secret its UTF-8 bytes."""
    encoded = secret[len(_PREFIX) :]
    if not secret.startswith(_PREFIX) or not _BASE64.fullmatch(encoded):
        return secret.encode()
    bare = encoded.rstrip("=")
    return base64.b64decode(bare + "=" * (-len(bare) % 4))


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise WebhookVerificationError(f"The header {name} is missing.")
    return value


def _bytes(text: str) -> bytes:
    """A header's bytes, whatever a framework made of those that are not ASCII."""
    return text.encode("utf-8", "surrogatepass")


def _parsed(body: bytes) -> Dict[str, Any]:
    try:
        event = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise WebhookVerificationError("The body is signed, but is not JSON.") from None
    if not isinstance(event, dict):
        raise WebhookVerificationError("The body is signed, but is not a JSON object.")
    return event
