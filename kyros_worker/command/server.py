"""Which API the command line talks to, and with which key."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from kyros_worker.command.client_error import ClientError
from kyros_worker.command.home import Home, of
from kyros_worker.command.ports import reachable_host
from kyros_worker.command.stack import Stack
from kyros_worker.settings import Settings

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Server:
    """An API: its address without `/v1`, the key, and what helps when nothing answers."""

    url: str
    key: str
    advice: str
    is_local: bool


def find(settings: Settings) -> Server:
    """The API that the environment names, else that of the home's stack.

    Raises ClientError when the address is none or there is no key.
    """
    home = of(settings.home)
    if settings.client_api_url is None:
        url, advice, is_local = _own_url(settings, home), "start the stack with `kyros up`", True
    else:
        url, advice = _checked(settings.client_api_url), "check KYROS_API_URL"
        is_local = urlsplit(url).hostname in _LOOPBACK
    return Server(url, _key(settings, home, is_local=is_local), advice, is_local)


def _own_url(settings: Settings, home: Home) -> str:
    stack = Stack.read(home)
    if stack.api_port:
        return stack.api_url
    return f"http://{reachable_host(settings.api_host)}:{settings.api_port}"


def _checked(url: str) -> str:
    wrong = f"KYROS_API_URL: {url!r} is no address such as https://kyros.example.com."
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ClientError(wrong) from None
    if not known or parts.query or parts.fragment or not url.isprintable() or " " in url:
        raise ClientError(wrong)
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def _key(settings: Settings, home: Home, *, is_local: bool) -> str:
    if settings.client_api_key is not None:
        return _readable(settings.client_api_key, "KYROS_API_KEY")
    if not is_local:
        # The key of this machine's own stack is nobody else's business.
        raise ClientError("No API key: set KYROS_API_KEY to a key of the API at KYROS_API_URL.")
    return _readable(_kept(home.cli_key), str(home.cli_key))


def _kept(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, NotADirectoryError):
        raise ClientError(
            f"No API key: set KYROS_API_KEY, or start the stack with `kyros up`, "
            f"which keeps one in {path}."
        ) from None
    except (OSError, UnicodeDecodeError):
        raise ClientError(f"No API key: {path} can't be read; set KYROS_API_KEY.") from None


def _readable(key: str, source: str) -> str:
    key = key.strip()
    if not key or not all("!" <= character <= "~" for character in key):
        raise ClientError(f"{source} holds no API key.")
    return key
