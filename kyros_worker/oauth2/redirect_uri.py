"""Which redirect URIs an application may have, and which of them a request names (pure).

Compared as strings (RFC 9700, section 2.1): no pattern, no prefix, no other spelling of the same.
The one exception is the port of a loopback address, which a native application chooses when it
starts (RFC 8252, section 7.3).
"""

import re
from collections.abc import Iterable

MAX_LENGTH = 2000

_NEVER = (
    (re.compile("#"), "may have no fragment (#…)"),
    (re.compile(r"\*"), "may have no wildcard: it is compared as it is written"),
    (re.compile(r"^$|[^A-Za-z0-9\-._~:/?\[\]@!$&'()+,;=%]"), "holds what no URI holds, or nothing"),
    (re.compile("^[^/]*//[^/?]*@"), "may have no user before its host (…@)"),
)
_FORMS = (
    "must begin with https://, with http:// and a loopback address (127.0.0.1, [::1], "
    "localhost), or, for a public application, with a scheme such as com.example.app:/"
)
_HTTPS = re.compile(r"(https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?)(?:[/?].*)?", re.ASCII)
_LOOPBACK = re.compile(
    r"(http://(?:127\.0\.0\.1|\[::1\]|localhost))(:[0-9]{1,5})?((?:[/?].*)?)", re.ASCII
)
#: With a dot, as RFC 8252, section 8.4, has it: neither `javascript:` nor another's short name.
_PRIVATE = re.compile(r"([a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:)/.*", re.ASCII)
_LAST_PORT = 65_535
_WEB = ("https", "http")


def fault(uri: str, *, public: bool) -> str | None:
    """What is wrong with a URI that is to be registered, as words after its name."""
    if len(uri) > MAX_LENGTH:
        return f"is longer than {MAX_LENGTH} characters"
    for wrong, words in _NEVER:
        if wrong.search(uri):
            return words
    if _HTTPS.fullmatch(uri) or _LOOPBACK.fullmatch(uri):
        return None if _port_exists(uri) else "names a port that does not exist"
    return None if public and _PRIVATE.fullmatch(uri) else _FORMS


def registered(uri: str, uris: Iterable[str], *, public: bool) -> bool:
    """Whether a request's redirect URI is one of the application's."""
    wanted = _without_port(uri) if public else uri
    known = {_without_port(one) if public else one for one in uris}
    return wanted in known and fault(uri, public=public) is None


def with_answer(uri: str, parameters: str) -> str:
    """The URI with more parameters, its own query kept as it is written (RFC 6749, 3.1.2)."""
    separator = "" if uri.endswith(("?", "&")) else "&" if "?" in uri else "?"
    return f"{uri}{separator}{parameters}"


def shown(uri: str) -> str:
    """Where a browser will go, for a person: the host, or the scheme of an application."""
    scheme, _, rest = uri.partition(":")
    return re.split("[/?]", rest[2:])[0] if scheme in _WEB else f"{scheme}:"


def source(uri: str) -> str:
    """What a content security policy calls the place: an origin, or a scheme with its colon."""
    scheme = uri.partition(":")[0]
    # A policy has no words for an IPv6 address.
    return f"{scheme}://{shown(uri)}" if scheme in _WEB and "[" not in uri else f"{scheme}:"


def _without_port(uri: str) -> str:
    """`localhost` keeps its port: it may be another machine (RFC 8252, section 8.3)."""
    found = _LOOPBACK.fullmatch(uri)
    return uri if found is None or "localhost" in found[1] else found[1] + found[3]


def _port_exists(uri: str) -> bool:
    digits = re.match(r"https?://(?:\[::1\]|[^/?:]+):([0-9]+)", uri, re.ASCII)
    return digits is None or 0 < int(digits[1]) <= _LAST_PORT
