"""Where a person goes on after signing in: only ever to a page of this site. Pure."""

import re
from urllib.parse import unquote

START = "/"

#: As a request's line that the server takes (gunicorn's default): no address here is longer.
_LONGEST = 4094
#: Printable ASCII without `\`, which browsers take for `/`, and `#`, which is not sent.
_PLAIN = re.compile(r"/[!-~]*", re.ASCII)
_REFUSED = re.compile(r"[\\#]")
#: Encoded more often than this, nobody means well.
_MOST_DECODINGS = 3
_LOOPS = ("/sign-in", "/sign-out")


def next_path(wanted: str | None) -> str:
    """The path, with its query, that was wanted; the start in place of all that could lead away."""
    if wanted is None or len(wanted) > _LONGEST or not _PLAIN.fullmatch(wanted):
        return START
    if _REFUSED.search(wanted):
        return START
    path = wanted.partition("?")[0]
    for _ in range(_MOST_DECODINGS):
        if not _is_plain(path):
            return START
        decoded = unquote(path)
        if decoded == path:
            return START if path.rstrip("/") in _LOOPS else wanted
        path = decoded
    return START


def _is_plain(path: str) -> bool:
    """Whether neither a browser nor a proxy can read it as another place."""
    segments = path.split("/")[1:]
    odd = {"", ".", ".."} & set(segments[:-1]) or segments[-1] in (".", "..")
    return _PLAIN.fullmatch(path) is not None and not _REFUSED.search(path) and not odd
