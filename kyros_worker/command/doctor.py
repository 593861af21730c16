"""`kyros doctor`: checks what the stack needs, a line each."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kyros_worker.command import postgres, procfile, redis_server
from kyros_worker.command.home import SPACE_NEEDED, Home, of
from kyros_worker.command.ports import check_free
from kyros_worker.command.stack import Stack
from kyros_worker.command.store_process import store_user
from kyros_worker.command.supervise import Gone, State, Supervisor
from kyros_worker.errors import ConfigurationError
from kyros_worker.model.price_check import require_prices
from kyros_worker.settings import PROJECT_ROOT, Settings, load

_OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `found` says what was seen, or what is wrong."""

    name: str
    good: bool
    found: str


def doctor(environ: Mapping[str, str], *, as_json: bool = False) -> int:
    """Prints every check; the exit code: 0 when all are good, else 1."""
    return told(list(_checks(environ)), as_json=as_json)


def told(checks: Sequence[Check], *, as_json: bool) -> int:
    """Prints checks, a line each or as JSON; the exit code."""
    good = all(check.good for check in checks)
    if as_json:
        print(json.dumps({"good": good, "checks": [vars(check) for check in checks]}))
    for check in [] if as_json else checks:
        print(f"{'ok  ' if check.good else 'FAIL'}  {check.name}: {check.found}")
    return 0 if good else 1


def _checks(environ: Mapping[str, str]) -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("Python", sys.version_info[:2] >= _OLDEST_PYTHON, version)
    try:
        settings = load(environ, with_stack=False)
    except ConfigurationError as error:
        yield Check("settings", good=False, found=str(error))
        return
    yield Check("settings", good=True, found=str(settings.config_file or "no KYROS_CONFIG"))
    yield _try("prices", lambda: _prices(settings))
    yield _try("Procfile", lambda: ", ".join(procfile.read(PROJECT_ROOT / "Procfile")))
    home = of(settings.home)
    yield _home(home)
    yield _disk(home)
    yield from _programs(settings)
    states = _states(home)
    if states:
        yield from (_process(state) for state in states)
        yield from _stores(Stack.read(home))
    else:
        yield Check("stack", good=True, found="not running")
        yield from _ports(settings)
        yield from _own_stores(settings)


def _prices(settings: Settings) -> str:
    require_prices(settings)
    return "every model that needs one has one"


def _home(home: Home) -> Check:
    place = _nearest(home.root)
    good = place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    note = "" if place == home.root else " (made at the first start)"
    return Check("home", good, f"{home.root}{note}" if good else f"{place} is not writable")


def _disk(home: Home) -> Check:
    free = shutil.disk_usage(_nearest(home.root)).free
    return Check("disk", free >= SPACE_NEEDED, f"{free >> 20} MB free")


def _nearest(path: Path) -> Path:
    """The path or the nearest folder above it that is there and that we may look at."""
    while not os.access(path, os.F_OK):
        path = path.parent
    return path


def _programs(settings: Settings) -> Iterator[Check]:
    user = store_user()
    if not settings.database_url:
        yield _try("Postgres's program", lambda: str(postgres.program(user)))
    if not settings.redis_url:
        yield _try("Redis's program", lambda: str(redis_server.program(user)))


def _ports(settings: Settings) -> Iterator[Check]:
    for host, port, setting in (
        (settings.api_host, settings.api_port, "KYROS_API_PORT"),
        ("127.0.0.1", settings.flower_port, "KYROS_FLOWER_PORT"),
    ):

        def free(host: str = host, port: int = port, setting: str = setting) -> str:
            check_free(host, port, setting)
            return f"{port} is free"

        yield _try(setting, free)


def _own_stores(settings: Settings) -> Iterator[Check]:
    """The servers that the environment names, while no stack runs."""
    if settings.database_url:
        yield _answer("database", postgres.answer(settings.database_url))
        yield Check(
            "KYROS_SECRET_KEY",
            settings.secret_key is not None,
            "set" if settings.secret_key else "must be set with DATABASE_URL",
        )
    if settings.redis_url:
        yield _answer("Redis", redis_server.answer(settings.redis_url))


def _stores(stack: Stack) -> Iterator[Check]:
    if not stack.database_url:
        yield Check("stack", good=False, found="its start has not finished")
        return
    reason = postgres.answer(stack.database_url)
    yield _answer("database", reason)
    if reason is None:
        yield _schema(stack.database_url)
    yield _answer("Redis", redis_server.answer(stack.redis_url))


def _schema(database_url: str) -> Check:
    from sqlalchemy import NullPool, create_engine  # noqa: PLC0415

    from kyros_worker.database import driver_url  # noqa: PLC0415
    from kyros_worker.migrations.upgrade import is_current  # noqa: PLC0415

    with create_engine(driver_url(database_url), poolclass=NullPool).connect() as connection:
        current = is_current(connection)
    return Check("schema", current, "up to date" if current else "behind: run `kyros migrate`")


def _process(state: State) -> Check:
    return Check(f"process {state.name}", state.running, state.error or state.state.lower())


def _states(home: Home) -> list[State]:
    try:
        return Supervisor(home).states()
    except Gone:
        return []


def _answer(name: str, reason: str | None) -> Check:
    return Check(name, reason is None, reason or "answers")


def _try(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, good=True, found=look())
    except ConfigurationError as error:
        return Check(name, good=False, found=str(error))
