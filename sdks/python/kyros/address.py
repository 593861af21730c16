"""Where the API is, and with which key: arguments, else the environment."""

import os
import re
from typing import Optional
from urllib.parse import quote, urlsplit

#: Where `kyros up` serves.
DEFAULT = "http://127.0.0.1:8000"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def base_url(given: Optional[str]) -> str:
    """The address up to and with `/v1`, which may be given with it, without it, with a slash.

    Raises ValueError for what is no http(s) address.
    """
    url = (given or os.environ.get("KYROS_API_URL") or DEFAULT).strip()
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    # Looked for in the text itself: urlsplit leaves line breaks and tabs out quietly.
    blank = re.search(r"[\s\x00-\x1f\x7f]", url)
    if not known or parts.username is not None or parts.query or parts.fragment or blank:
        raise ValueError(
            "base_url (or KYROS_API_URL) must be an address such as https://kyros.example.com, "
            "without user, query or fragment."
        )
    bare = url.rstrip("/")
    # Not of the whole address: a host may be called v1.
    return bare if parts.path.rstrip("/").endswith("/v1") else f"{bare}/v1"


def api_key(given: Optional[str]) -> str:
    """The key, without blanks around it. Raises ValueError when there is none, never showing it."""
    key = (given or os.environ.get("KYROS_API_KEY") or "").strip()
    if not key:
        raise ValueError("No API key: pass api_key, or set KYROS_API_KEY.")
    if not all("!" <= character <= "~" for character in key):
        raise ValueError("The API key has characters that no key has; was it copied whole?")
    return key


def is_local(url: str) -> bool:
    """Whether the address is this machine's loopback, which no proxy can reach."""
    return urlsplit(url).hostname in _LOOPBACK


def segment(name: str, value: str) -> str:
    """One segment of a path. Raises ValueError for what would make another path of it."""
    if not isinstance(value, str) or value in ("", ".", ".."):
        raise ValueError(f"{name} must be an id, not {value!r}.")
    return quote(value, safe="")
