"""The stack's home: the folder with its data, keys, logs and control socket.

It belongs to whoever starts the stack and is closed to all others (0700), also when Postgres and
Redis run as another user (see `store_process.py`).
"""

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kyros_worker.errors import ConfigurationError

#: What a first start takes and a little to work with, in bytes.
SPACE_NEEDED = 200 * 1024 * 1024
#: The longest path of a Unix socket, in bytes; the same on Linux and shorter by 4 on macOS.
SOCKET_PATH_LIMIT = 107 - 4
#: supervisord binds `sock.<pid>` first and renames it.
_SOCKET_SUFFIX = len("/sock.4194304")


@dataclass(frozen=True)
class Home:
    """Where everything lies under a home."""

    root: Path

    @property
    def lock(self) -> Path:
        """Held by whoever starts or stops the stack."""
        return self.root / "lock"

    @property
    def stack(self) -> Path:
        """The running stack's addresses and secrets, for the other commands of this home."""
        return self.root / "stack.json"

    @property
    def secrets(self) -> Path:
        """The passwords and the secret key that were made here."""
        return self.root / "secrets.json"

    @property
    def cli_key(self) -> Path:
        """The command line's own API key."""
        return self.root / "cli-key"

    @property
    def socket(self) -> Path:
        """The control socket of supervisord."""
        return self.root / "sock"

    @property
    def supervisor_configuration(self) -> Path:
        """The configuration of supervisord, made anew at each start."""
        return self.root / "supervisord.conf"

    @property
    def logs(self) -> Path:
        """A file a process."""
        return self.root / "log"

    @property
    def postgres(self) -> Path:
        """The data directory of the embedded Postgres."""
        return self.root / "postgres"

    @property
    def redis(self) -> Path:
        """The data directory of the embedded Redis."""
        return self.root / "redis"

    @property
    def flower(self) -> Path:
        """What Flower remembers between starts."""
        return self.root / "flower"

    def log(self, name: str) -> Path:
        """The log of one process."""
        return self.logs / f"{name}.log"


@dataclass(frozen=True)
class Secrets:
    """What the stack makes for itself at its first start and keeps."""

    postgres_password: str
    redis_password: str
    secret_key: str
    flower_password: str


def of(path: Path) -> Home:
    """The home at a path, with links resolved, so that one home has one name."""
    return Home(path.resolve())


@contextmanager
def prepared(home: Home) -> Iterator[None]:
    """A home that exists, is private and is locked; removed again if the block fails and it is new.

    Raises ConfigurationError when it can't be made or written, is something else's folder, or
    another start or stop is under way.
    """
    _check_path(home)
    new = _make(home)
    try:
        _check_space(home)
        with locked(home):
            _make_folder(home.logs)
            _make_folder(home.flower)
            yield
    except BaseException:
        if new:
            shutil.rmtree(home.root, ignore_errors=True)
        raise


@contextmanager
def locked(home: Home) -> Iterator[None]:
    """Keeps every other start and stop of this home out; raises ConfigurationError if one is in."""
    try:
        descriptor = os.open(home.lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigurationError(_not_writable(home, error)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ConfigurationError(
            f"Another `kyros up` or `kyros down` is at work in {home.root}; "
            "try again when it is done."
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)


def keep_secrets(home: Home) -> Secrets:
    """The stack's own secrets, made at the first call."""
    kept: dict[str, str] = {}
    with suppress(FileNotFoundError):
        try:
            kept = json.loads(home.secrets.read_text())
            return Secrets(**kept)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(
                f"{home.secrets} is damaged; without it the data under {home.root} can't be opened."
            ) from error
    made = Secrets(**{name: secrets.token_urlsafe(32) for name in Secrets.__dataclass_fields__})
    write_private(home.secrets, json.dumps(asdict(made), indent=2) + "\n")
    return made


def write_private(path: Path, text: str) -> None:
    """Replaces a file in one step with text that only its owner can read."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_stack(home: Home) -> dict[str, Any]:
    """What `kyros up` wrote about the running stack; empty when there is none."""
    try:
        stack = json.loads(home.stack.read_text())
    except (OSError, ValueError):
        return {}
    return stack if isinstance(stack, dict) else {}


def _check_path(home: Home) -> None:
    longest = SOCKET_PATH_LIMIT - _SOCKET_SUFFIX
    if len(os.fsencode(home.root)) > longest:
        raise ConfigurationError(
            f"KYROS_HOME: {home.root} is too long for the control socket in it: "
            f"use a path of at most {longest} bytes."
        )
    if any(character in str(home.root) for character in "\n\r\0%"):
        # supervisord expands a log's path twice, so that no escape of % reaches its end.
        raise ConfigurationError("KYROS_HOME: a path with % or a line break can't be used.")


def _make(home: Home) -> bool:
    """Makes the folder if need be; whether it is new."""
    try:
        if not home.root.exists():
            home.root.parent.mkdir(parents=True, exist_ok=True)
            home.root.mkdir(mode=0o700)
            return True
        if not home.root.is_dir():
            raise ConfigurationError(f"KYROS_HOME: {home.root} is not a folder.")
        inside = {item.name for item in home.root.iterdir()} - {"lost+found"}
        if inside and not inside & {home.secrets.name, home.lock.name}:
            raise ConfigurationError(
                f"KYROS_HOME: {home.root} holds something else; name an empty or a new folder."
            )
        home.root.chmod(0o700)
    except OSError as error:
        raise ConfigurationError(_not_writable(home, error)) from error
    return False


def _make_folder(path: Path) -> None:
    path.mkdir(mode=0o700, exist_ok=True)


def _check_space(home: Home) -> None:
    needed = SPACE_NEEDED if not home.postgres.exists() else SPACE_NEEDED // 10
    free = shutil.disk_usage(home.root).free
    if free < needed:
        raise ConfigurationError(
            f"The disk of {home.root} is too full: {free >> 20} MB are free, "
            f"{needed >> 20} MB are needed."
        )


def _not_writable(home: Home, error: OSError) -> str:
    return f"KYROS_HOME: {home.root} can't be used: {error.strerror}."
