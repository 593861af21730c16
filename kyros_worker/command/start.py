"""Starts a whole stack under a home: stores, schema, processes, first key and first admin.

Either everything runs in the end, or nothing is left: no process, and no home that was new.
"""

import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from kyros_worker import settings as settings_room
from kyros_worker.command import leftovers, postgres, redis_server
from kyros_worker.command.home import Home, Secrets, keep_secrets, prepared, write_private
from kyros_worker.command.ports import check_free, free_port, reachable_host
from kyros_worker.command.stack import Made, Stack, write_stack
from kyros_worker.command.store_process import store_user
from kyros_worker.command.supervise import (
    PROCESSES,
    STORES,
    Gone,
    Program,
    State,
    Supervisor,
    allow_many_open_files,
    launch,
    write_configuration,
)
from kyros_worker.errors import ConfigurationError
from kyros_worker.settings import Settings

#: An embedded store's time to answer, in seconds: crash recovery is part of it.
STORE_SECONDS = 60
#: A store of the user's own is expected to be there already.
OWN_STORE_SECONDS = 10
#: The processes' time until all run and the API answers.
READY_SECONDS = 120
_LAST_LINES = 12

Prepare = Callable[[Settings], None]
Tell = Callable[[Made], None]
LetIn = Callable[[Settings, Tell], None]


@dataclass(frozen=True)
class Stores:
    """The addresses of both stores and the programs that serve the embedded ones."""

    database_url: str
    redis_url: str
    programs: list[Program]


def start(
    settings: Settings,
    commands: dict[str, list[str]],
    folder: Path,
    prepare: Prepare,
    let_in: LetIn,
    show: Callable[[Stack], None],
) -> None:
    """Starts the commands and what they need; shows the stack and returns when all answer.

    `settings` are the environment's alone. `prepare` makes the schema; `let_in`, when all else is
    done, the first key and the first admin, where there is none. Raises ConfigurationError with one
    sentence, and leaves nothing behind.
    """
    home = Home(settings.home.resolve())
    _check_secret_key(settings)
    with _whole_or_nothing(home, settings):
        secrets = keep_secrets(home)
        stores = _stores(home, settings, secrets)
        processes = [
            Program(name, PROCESSES, command, folder) for name, command in commands.items()
        ]
        write_configuration(home, [*stores.programs, *processes])
        told = _told_settings(home, settings, secrets, stores)
        allow_many_open_files()
        log_ends = {name: _size(home.log(name)) for name in [*commands, "postgres", "redis"]}
        supervisor = launch(home, _environment(told))
        if stores.programs:
            supervisor.start(STORES)
        watch = Watch(home, supervisor, log_ends)
        _wait_for_stores(settings, stores, watch)
        # What is called in this process finds the settings as the processes get them.
        os.environ.update(settings_room.environment(told))
        settings_room.current.cache_clear()
        prepare(told)
        _check_ports(settings)
        supervisor.start(PROCESSES)
        _wait_until_ready(settings, "api" in commands, watch)
        stack = Stack.of(told, supervisor.pid())

        def tell(made: Made) -> None:
            if made.key is not None:
                write_private(home.cli_key, f"{made.key}\n")
            show(stack.with_made(made))

        let_in(told, tell)
        write_stack(home, stack)


@contextmanager
def _whole_or_nothing(home: Home, settings: Settings) -> Iterator[None]:
    """Within, a stack is started under the home; where that fails, nothing of it is left."""
    try:
        with prepared(home):
            _end_what_is_there(home)
            _check_ports(settings)
            try:
                yield
            except BaseException:
                leftovers.end(home)
                home.stack.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise ConfigurationError(f"{home.root}: {error.strerror or error}.") from error


def prepare_database(settings: Settings) -> None:
    """Brings the schema up to date; raises ConfigurationError when the database refuses."""
    from kyros_worker.migrations.upgrade import upgrade  # noqa: PLC0415

    with _refusals_told():
        upgrade(settings.required_database_url())


def let_first_in(settings: Settings, tell: Tell) -> None:
    """Makes the first key and the first admin, where there is none.

    `tell` is called before they count: what a signal or an error kept from being told was not made,
    and is made at the next start. Raises ConfigurationError when the database refuses.
    """
    from kyros_worker.auth.first_key import first_key  # noqa: PLC0415
    from kyros_worker.database import transaction  # noqa: PLC0415
    from kyros_worker.user.first_admin import first_admin  # noqa: PLC0415

    with _refusals_told(), transaction() as connection:
        key, admin = first_key(connection, settings), first_admin(connection, settings)
        tell(Made(key, admin.email, admin.password) if admin else Made(key))


@contextmanager
def _refusals_told() -> Iterator[None]:
    from alembic.util import CommandError  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    from kyros_worker.database import engine  # noqa: PLC0415

    try:
        yield
    except (CommandError, SQLAlchemyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigurationError(f"The database can't be prepared: {reason}.") from error
    finally:
        engine().dispose()


class Watch:
    """Looks whether a process ended since it was started, which at a start is a failure."""

    def __init__(self, home: Home, supervisor: Supervisor, log_ends: dict[str, int]) -> None:
        self._home = home
        self._supervisor = supervisor
        self._log_ends = log_ends
        self._pids: dict[str, int] = {}

    def check(self) -> list[State]:
        """The states of what was started; raises ConfigurationError when one has ended."""
        try:
            states = [state for state in self._supervisor.states() if state.state != "STOPPED"]
        except Gone as error:
            raise ConfigurationError("supervisord was ended during the start.") from error
        for state in states:
            first_pid = self._pids.setdefault(state.name, state.pid)
            if state.state not in ("STARTING", "RUNNING") or state.pid != first_pid:
                raise ConfigurationError(
                    f"The process {state.name} ended at its start; the last lines of its log:\n"
                    + self._last_lines(state)
                )
        return states

    def _last_lines(self, state: State) -> str:
        try:
            with self._home.log(state.name).open("rb") as log:
                log.seek(self._log_ends.get(state.name, 0))
                lines = log.read().decode(errors="replace").splitlines()[-_LAST_LINES:]
        except OSError:
            lines = []
        return "\n".join(f"  {line}" for line in lines or [state.error or "(it wrote nothing)"])


def _end_what_is_there(home: Home) -> None:
    """Refuses when a whole stack runs here; ends what a killed one or a cut start left."""
    try:
        pid = Supervisor(home).pid()
    except Gone:
        pid = None
    if pid is not None and Stack.read(home).supervisor_pid == pid:
        raise ConfigurationError(
            f"Kyros is already running in {home.root}: see `kyros status`, "
            "stop it with `kyros down`."
        )
    leftovers.end(home)
    home.stack.unlink(missing_ok=True)
    home.socket.unlink(missing_ok=True)
    # No process works in the data folder any more, so its lock file, if any, is stale.
    postgres.forget_stale_pid(home.postgres)


def _check_secret_key(settings: Settings) -> None:
    if settings.database_url and not settings.secret_key:
        raise ConfigurationError(
            "KYROS_SECRET_KEY must be set with DATABASE_URL (32 characters or more, the same at "
            "every start): it opens the secrets that are kept in that database."
        )


def _check_ports(settings: Settings) -> None:
    if settings.api_port == settings.flower_port:
        raise ConfigurationError("KYROS_API_PORT and KYROS_FLOWER_PORT must differ.")
    check_free(settings.api_host, settings.api_port, "KYROS_API_PORT")
    check_free("127.0.0.1", settings.flower_port, "KYROS_FLOWER_PORT")


def _stores(home: Home, settings: Settings, secrets: Secrets) -> Stores:
    """Prepares the embedded stores that are needed."""
    user = store_user()
    programs = []
    database_url, redis_url = settings.database_url, settings.redis_url
    # Both are looked for first: nothing is made when one is missing.
    postgres_program = None if database_url else postgres.program(user)
    redis_program = None if redis_url else redis_server.program(user)
    if postgres_program:
        port = free_port()
        postgres.initialise(home.postgres, secrets.postgres_password, user, postgres_program)
        database_url = postgres.url(port, secrets.postgres_password)
        command = postgres.command(home.postgres, port, user, postgres_program)
        # SIGINT is Postgres's fast shutdown; SIGTERM would wait for every client to leave.
        programs.append(Program("postgres", STORES, command, home.root, "INT"))
    if redis_program:
        port = free_port()
        redis_server.prepare(home.redis, port, secrets.redis_password, user)
        redis_url = redis_server.url(port, secrets.redis_password)
        command = redis_server.command(home.redis, user, redis_program)
        programs.append(Program("redis", STORES, command, home.root))
    assert database_url is not None
    assert redis_url is not None
    return Stores(database_url, redis_url, programs)


def _told_settings(home: Home, settings: Settings, secrets: Secrets, stores: Stores) -> Settings:
    """The settings as the processes get them."""
    return settings.model_copy(
        update={
            "home": home.root,
            "database_url": stores.database_url,
            "redis_url": stores.redis_url,
            "secret_key": settings.secret_key or secrets.secret_key,
            "flower_password": settings.flower_password or secrets.flower_password,
            "config_file": settings.config_file and settings.config_file.absolute(),
            # Without any other store all is on one machine, and so is who develops a receiver.
            "webhook_allowed_networks": settings.webhook_allowed_networks
            or (None if settings.database_url else "loopback"),
        }
    )


def _environment(told: Settings) -> dict[str, str]:
    environ = dict(os.environ)
    # The first key is made by `up` alone.
    environ.pop("KYROS_BOOTSTRAP_API_KEY", None)
    programs = str(Path(sys.executable).parent)
    environ["PATH"] = f"{programs}{os.pathsep}{environ.get('PATH', os.defpath)}"
    environ["PYTHONUNBUFFERED"] = "1"
    environ.update(settings_room.environment(told))
    return environ


def _wait_for_stores(settings: Settings, stores: Stores, watch: Watch) -> None:
    def check() -> None:
        watch.check()

    if settings.database_url:
        postgres.wait_until_ready(stores.database_url, OWN_STORE_SECONDS, check)
    else:
        maintenance_url = stores.database_url.rsplit("/", 1)[0] + "/postgres"
        postgres.wait_until_ready(maintenance_url, STORE_SECONDS, check)
        postgres.make_database(maintenance_url)
    seconds = OWN_STORE_SECONDS if settings.redis_url else STORE_SECONDS
    redis_server.wait_until_ready(stores.redis_url, seconds, check)


def _wait_until_ready(settings: Settings, has_api: bool, watch: Watch) -> None:
    deadline = time.monotonic() + READY_SECONDS
    url = f"http://{reachable_host(settings.api_host)}:{settings.api_port}/healthz"
    answered = not has_api
    while True:
        waiting = [state.name for state in watch.check() if not state.running]
        answered = answered or _answers(url)
        if answered and not waiting:
            return
        if time.monotonic() > deadline:
            late = ", ".join(waiting) or f"the API at {urlsplit(url).netloc}"
            raise ConfigurationError(f"Not ready after {READY_SECONDS} s: {late}.")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    # No proxy of the environment stands between this machine and itself.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004
    except (OSError, urllib.error.URLError):
        return False


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
