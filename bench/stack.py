"""The stack of a bench, and the raw parts beside it on the same Postgres and the same Redis."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
import psycopg2
import redis
from celery import Celery

from kyros_worker.command import leftovers
from kyros_worker.command.home import Home
from kyros_worker.command.ports import free_port
from kyros_worker.command.supervise import Supervisor
from kyros_worker.settings import PROJECT_ROOT

_BIN = Path(sys.executable).parent
KEY = "kyros_test_" + "b" * 32


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """What the condition gives as soon as it is true; raises TimeoutError after so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise TimeoutError(f"not within {seconds} s: {what}")


class Stack:
    """A whole Kyros under a home of its own, as `kyros up` starts it; of another source if told."""

    def __init__(self, folder: Path, source: Path = PROJECT_ROOT) -> None:
        self.folder = folder
        self.home = Home(folder.resolve() / "home")
        self.port = free_port()
        # Requests are counted as ever; one key sends them all.
        limits = folder / "limits.toml"
        limits.write_text("[rate_limits]\nrequests_per_minute = 1000000\n")
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(source),
            "KYROS_HOME": str(self.home.root),
            "KYROS_API_PORT": str(self.port),
            "KYROS_FLOWER_PORT": str(free_port()),
            "KYROS_BOOTSTRAP_API_KEY": KEY,
            "KYROS_CONFIG": str(limits),
        }
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=90,
        )

    def up(self, **environ: str) -> None:
        """Starts it; settings of one bench's own go on top of the defaults."""
        self._kyros("up", "--detach", **environ)
        told = self.home.stack.read_text()
        self.database_url = _between(told, '"database_url": "')
        self.redis_url = _between(told, '"redis_url": "')
        until(self._all_work, 60, "every role has a worker")

    def _all_work(self) -> bool:
        health = self.http.get("/v1/monitoring/health").json()["data"]["components"]
        return all(role["count"] for role in health["workers"].values())

    def down(self) -> None:
        """Stops it; does nothing when it does not run."""
        self._kyros("down")

    def _kyros(self, *words: str, **environ: str) -> None:
        subprocess.run(
            [_BIN / "kyros", *words],
            env=self.environ | environ, check=True, stdout=subprocess.DEVNULL, timeout=120,
        )  # fmt: skip

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Runs one statement on the stack's database."""
        with closing(psycopg2.connect(self.database_url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall() if cursor.description else []

    def empty(self) -> None:
        """Forgets every task, and every message that names one."""
        with closing(redis.Redis.from_url(self.redis_url)) as broker:
            # Work goes on meanwhile, and whichever of two that wait for each other is ended.
            until(self._truncated, 60, "the tables can be emptied")
            for queue in ("implementer", "critic", "integrator"):
                names = [queue, *(f"{queue}\x06\x16{step}" for step in range(1, 4))]
                broker.delete(*names)

    def _truncated(self) -> bool:
        try:
            self.query("TRUNCATE tasks, events CASCADE")
        except psycopg2.errors.DeadlockDetected:
            return False
        return True

    def settle(self) -> None:
        """Has Postgres write what it put off, so that one round does not pay for another's."""
        self.query("CHECKPOINT")

    def pid(self, name: str) -> int:
        """The process of that name in the Procfile."""
        states = {state.name: state.pid for state in Supervisor(self.home).states()}
        return states[name]

    def cpu(self) -> dict[str, float]:
        """Seconds of processor that each process has taken so far, its children included."""
        used = {
            state.name: sum(map(_cpu, family(state.pid)))
            for state in Supervisor(self.home).states()
            if state.pid
        }
        return used | {"all": sum(_cpu(process) for process in leftovers.find(self.home))}


class Peers:
    """Bare Flask and bare Celery, with the same processes and threads as the stack's."""

    def __init__(
        self, stack: Stack, *, seconds: float = 10, concurrency: int = 64, database: int = 1
    ) -> None:
        self._stack = stack
        self._concurrency = concurrency
        self.port = free_port()
        self.stamps = stack.folder / "stamps"
        self.environ = stack.environ | {
            "PEER_REDIS_URL": stack.redis_url.rsplit("/", 1)[0] + f"/{database}",
            "PEER_DATABASE_URL": stack.database_url.replace("postgresql:", "postgresql+psycopg2:"),
            "PEER_WORK_SECONDS": str(seconds),
            "PEER_STAMPS": str(self.stamps),
        }
        self._started: list[subprocess.Popen[bytes]] = []
        self._app = Celery("sender", broker=self.environ["PEER_REDIS_URL"], set_as_current=False)

    def __enter__(self) -> Self:
        self._stack.query(
            "CREATE TABLE IF NOT EXISTS peer_tasks"
            " (id varchar PRIMARY KEY, title varchar, body json)"
        )
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            process.terminate()
        for process in self._started:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        self.empty()
        self._stack.query("DROP TABLE IF EXISTS peer_tasks")

    def web(self) -> None:
        """Starts the bare web server."""
        self._start(
            "gunicorn", "-k", "gthread", "-w", "2", "--threads", "256", "--reuse-port",
            "--no-control-socket", "-b", f"127.0.0.1:{self.port}", "bench.peers.web:app",
        )  # fmt: skip
        until(lambda: _listens(self.port), 30, "the bare web server listens")

    def worker(self, pool: str = "threads") -> None:
        """Starts a bare Celery worker."""
        log = self._stack.folder / "peer-worker.log"
        self._start(
            "celery", "-A", "bench.peers.jobs", "worker", "-P", pool, "-c",
            str(self._concurrency), "--without-gossip", "--without-mingle", "-l", "WARNING",
            "-n", f"peer{len(self._started)}@bench", log=log,
        )  # fmt: skip
        until(self._answers, 30, "the bare worker consumes")

    def pids(self) -> list[int]:
        """The processes of what was started last."""
        return [one.pid for one in family(self._started[-1].pid)]

    def send(self, job: str, numbers: Iterable[int]) -> None:
        """Sends a job for each number, as `.delay()` does."""
        with self._app.connection_for_write() as connection:
            producer = self._app.amqp.Producer(connection)
            for number in numbers:
                self._app.send_task(f"bench.peers.jobs.{job}", (number,), producer=producer)

    def send_stamp(self) -> None:
        """Sends the job that tells how long it took to begin."""
        self._app.send_task("bench.peers.jobs.stamp", (time.time(),))

    def drained(self) -> bool:
        """Whether every message has been worked on and acknowledged."""
        with closing(self.redis()) as broker:
            return not broker.llen("celery") and not broker.hlen("unacked")

    def redis(self) -> redis.Redis:
        """The broker of the raw parts."""
        return redis.Redis.from_url(self.environ["PEER_REDIS_URL"])

    def empty(self) -> None:
        """Forgets what waits."""
        with closing(self.redis()) as broker:
            broker.delete("celery")

    def _answers(self) -> bool:
        with closing(self.redis()) as broker:
            return any(b"pidbox" in name for name in broker.keys("*"))

    def _start(self, *words: str, log: Path | None = None) -> None:
        output = (log or self._stack.folder / "peer-web.log").open("ab")
        self._started.append(
            subprocess.Popen(
                [str(_BIN / words[0]), *words[1:]],
                env=self.environ,
                cwd=PROJECT_ROOT,
                stdout=output,
                stderr=output,
            )
        )


@contextmanager
def running(folder: Path, **environ: str) -> Iterator[Stack]:
    """A stack that is stopped when the block ends, however it ends."""
    stack = Stack(folder)
    try:
        stack.up(**environ)
        yield stack
    finally:
        stack.down()


def family(pid: int) -> list[psutil.Process]:
    """A process and all that it started; none when it has ended."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0
    return float(times.user + times.system)


def _listens(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/", timeout=2)
    except httpx.TransportError:
        return False
    return True


def _between(text: str, mark: str) -> str:
    return text.partition(mark)[2].partition('"')[0]
