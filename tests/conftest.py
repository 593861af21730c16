"""Real stores for every test that asks: an own Postgres and Redis in a temporary home."""

import os
import signal
import subprocess
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
import structlog
from argon2 import PasswordHasher
from hypothesis import HealthCheck, settings
from sqlalchemy import text

from kyros_worker import database, log
from kyros_worker.command import postgres, redis_server
from kyros_worker.command.ports import free_port
from kyros_worker.command.store_process import store_user
from kyros_worker.user import password
from tests.guide.outcomes import show_outcomes
from tests.installed import schema
from tests.programs import LEFT_OUT

__all__ = ["schema"]

PASSWORD = "for-tests-only"
SUMS = (
    "task_sums", "task_increments", "call_sums", "call_increments", "tallies", "tally_increments",
    "labelled_types", "queue_samples",
)  # fmt: skip
# What a crash of the machine would lose is of no worth here.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
FAST_REDIS = ("--appendonly", "no")

#: What the product hashes passwords with.
HASHER = password._HASHER

# A busy machine is no fault of an example's.
settings.register_profile(
    "untimed", settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
)
settings.load_profile("untimed")

#: What starts whole stacks or builds packages: it comes first, so that at the end, when there are
#: no more files than workers, none is left that takes a minute.
FIRST = ("tests/acceptance", "tests/guide", "tests/sdks", "tests/kyros_worker/command/test_up.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(FIRST))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says plainly what was left out, and why, and how the guide's samples ran."""
    show_outcomes(terminalreporter)
    whys = Counter(
        (report.nodeid.partition("::")[0], report.longrepr[2].partition(LEFT_OUT)[2])
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and LEFT_OUT in report.longrepr[2]
    )
    for (file, why), count in sorted(whys.items()):
        terminalreporter.write_line(f"LEFT OUT: {count} tests of {file}: {why}", yellow=True)


@dataclass(frozen=True)
class Stores:
    """`database_url` is the maintenance database's; tests make their own beside it."""

    database_url: str
    redis_url: str

    def database(self, name: str) -> str:
        return f"{self.database_url.rpartition('/')[0]}/{name}"


@contextmanager
def served(command: list[str], log: Path, stop: signal.Signals) -> Iterator[Callable[[], None]]:
    """Runs a server; gives a function that fails when it has ended."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, process_group=0
        )

    def check() -> None:
        assert process.poll() is None, log.read_text(errors="replace")

    try:
        yield check
    finally:
        process.send_signal(stop)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run alone, which all its workers share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """The addresses of a Postgres and a Redis of this test session alone."""
    home = tmp_path_factory.mktemp("stores")
    user = store_user()
    database_port, redis_port = free_port(), free_port()
    postgres_program, redis_program = postgres.program(user), redis_server.program(user)
    postgres.initialise(home / "postgres", PASSWORD, user, postgres_program)
    redis_server.prepare(home / "redis", redis_port, PASSWORD, user)
    postgres_command = postgres.command(home / "postgres", database_port, user, postgres_program)
    for option in FAST:
        postgres_command += ["-c", option]
    redis_command = redis_server.command(home / "redis", user, redis_program)
    redis_command += FAST_REDIS
    found = Stores(
        postgres.url(database_port, PASSWORD, "postgres"), redis_server.url(redis_port, PASSWORD)
    )
    with ExitStack() as running:
        database = running.enter_context(
            served(postgres_command, home / "postgres.log", signal.SIGINT)
        )
        redis = running.enter_context(served(redis_command, home / "redis.log", signal.SIGTERM))
        postgres.wait_until_ready(found.database_url, 60, database)
        redis_server.wait_until_ready(found.redis_url, 60, redis)
        yield found


def execute(database_url: str, statement: str) -> None:
    with closing(psycopg2.connect(database_url)) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)


MakeDatabase = Callable[[Callable[[str], None]], str]


@pytest.fixture(scope="session")
def database_templates() -> dict[Callable[[str], None], str]:
    """The database that each function made its schema in, once."""
    return {}


@pytest.fixture
def make_database(
    stores: Stores, database_templates: dict[Callable[[str], None], str]
) -> Iterator[MakeDatabase]:
    """Makes empty databases with a schema: `make_database(create_schema)` gives the new URL.

    `create_schema(url)` runs once a session; each database is a copy of what it made.
    """
    made = []

    def make(create_schema: Callable[[str], None]) -> str:
        if create_schema not in database_templates:
            template = f"template_{uuid.uuid4().hex}"
            execute(stores.database_url, f"CREATE DATABASE {template}")
            create_schema(stores.database(template))
            database_templates[create_schema] = template
        name = f"test_{uuid.uuid4().hex}"
        template = database_templates[create_schema]
        execute(stores.database_url, f"CREATE DATABASE {name} TEMPLATE {template}")
        made.append(name)
        return stores.database(name)

    yield make
    for name in made:
        execute(stores.database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def redis_url(stores: Stores) -> str:
    return stores.redis_url


@pytest.fixture
def no_tasks(schema: None) -> None:
    """No tasks at all, for what looks at every one of them, no faults, no alerts, no maintenance.

    Sums are not those of rows that were truncated: they are emptied with them.
    """
    with database.transaction() as connection:
        connection.execute(text("TRUNCATE tasks, events, breakers, alerts, maintenance CASCADE"))
        connection.execute(text(f"TRUNCATE {', '.join(SUMS)}"))


@pytest.fixture(scope="session", autouse=True)
def _passwords_cost_nothing() -> Iterator[None]:
    """Each would take a tenth of a second of both cores, and many tests look at many."""
    with pytest.MonkeyPatch.context() as patched:
        cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patched.setattr(password, "_HASHER", cheap)
        yield


@pytest.fixture
def passwords_at_their_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is about the hashes themselves."""
    monkeypatch.setattr(password, "_HASHER", HASHER)


@pytest.fixture(autouse=True)
def _facts_are_seen() -> Iterator[None]:
    """What a test has a process write is undone: its level would hide facts from later tests."""
    steps, configured = list(log._steps), structlog.get_config()
    yield
    log._steps[:] = steps
    structlog.configure(**configured)
    # Once it was used after `configure`, it keeps what that said.
    vars(log.FACTS).pop("bind", None)
