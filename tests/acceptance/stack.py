"""A whole stack as a user starts it, and what a test does to it and asks of it."""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg2
import redis

from kyros_worker.command import leftovers
from kyros_worker.command.home import Home
from kyros_worker.command.ports import free_port
from kyros_worker.command.supervise import State, Supervisor
from kyros_worker.settings import PROJECT_ROOT
from tests.eventually import eventually

#: Measured times: `pytest --log-cli-level=INFO tests/acceptance`.
LOG = logging.getLogger("acceptance")

KYROS = str(Path(sys.executable).with_name("kyros"))
KEY = "kyros_test_" + "k" * 32
FINAL = ("completed", "failed", "cancelled")


class Deployment:
    """A home and its ports; `up` and `down` as often as a test likes."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder.resolve() / "home")
        self._environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            # The product that lies beside these tests, wherever `kyros` was installed from.
            "PYTHONPATH": str(PROJECT_ROOT),
            "KYROS_HOME": str(self.home.root),
            "KYROS_API_PORT": str(free_port()),
            "KYROS_FLOWER_PORT": str(free_port()),
            "KYROS_BOOTSTRAP_API_KEY": KEY,
            "KYROS_RETRY_PAUSE_SECONDS": "1",
        }
        self.usual = True
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self._environ['KYROS_API_PORT']}",
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=40,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )

    # -- the command line -----------------------------------------------------------------------

    def kyros(self, *words: str, given: str | None = None, **environ: str) -> str:
        """What a command prints, which reads what is given."""
        done = subprocess.run(
            [KYROS, *words],
            input=given,
            env=self._environ | environ,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, f"kyros {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def up(self, **environ: str) -> None:
        """Starts it; `usual` tells whether it was without settings of one test's own."""
        self.kyros("up", "--detach", **environ)
        self.usual = not environ

    def down(self) -> None:
        self.kyros("down")

    @contextmanager
    def extra_worker(self, role: str) -> Iterator[int]:
        """A second worker of a role, as one is started on another machine; gives its pid."""
        log = self.home.root / f"extra-{role}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [KYROS, "worker", role],
                env=self._environ,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            eventually(lambda: " ready." in log.read_text(), 40, "the extra worker is ready")
            yield process.pid
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGCONT)
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(12)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    # -- its processes --------------------------------------------------------------------------

    def processes(self) -> list[psutil.Process]:
        return leftovers.find(self.home)

    def states(self) -> dict[str, State]:
        return {state.name: state for state in Supervisor(self.home).states()}

    def pid(self, name: str) -> int:
        """The pid of a supervised process, which leads a process group of its own."""
        return eventually(lambda: self.states()[name].pid, 20, f"{name} has a process")

    def kill_group(self, name: str) -> None:
        os.killpg(self.pid(name), signal.SIGKILL)

    def kill_everything(self) -> None:
        """kill -9 of all, those too that are born meanwhile."""
        while found := self.processes():
            for process in found:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(found, timeout=5)

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Within, a process and its children do not run, yet keep their connections."""
        group = self.pid(name)
        os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGCONT)

    @contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """Within, a store is shut down in order."""
        supervisor = Supervisor(self.home)
        supervisor._call("stopProcess", f"stores:{name}")
        try:
            yield
        finally:
            supervisor._call("startProcess", f"stores:{name}", False)

    def is_healthy(self) -> bool:
        """Whether it says that every part of it is: each fleet has a worker, the webhooks' too."""
        try:
            answer = self.http.get("/v1/monitoring/health")
        except httpx.TransportError:
            return False
        return answer.is_success and answer.json()["data"]["overall_status"] == "healthy"

    # -- its stores -----------------------------------------------------------------------------

    @property
    def told(self) -> dict[str, Any]:
        return json.loads(self.home.stack.read_text())

    @property
    def database_url(self) -> str:
        return self.told["database_url"]

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self.database_url, connect_timeout=5)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall()

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.told["redis_url"], socket_timeout=10)

    # -- its work -------------------------------------------------------------------------------

    def create(self, sandbox: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        """A task as the API answers it; its model calls take no time unless `sandbox` says so."""
        answer = self.http.post("/v1/tasks", json=new_task(sandbox, **fields))
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]

    def create_many(self, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answer = self.http.post("/v1/tasks/batch", json={"tasks": tasks})
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]["tasks"]

    def submit(self, task_id: str, role: str, **context: Any) -> str:
        answer = self.http.post(
            f"/v1/agents/{role}/submit", json={"task_id": task_id, "context": context}
        )
        assert answer.status_code == 202, answer.text
        return answer.json()["data"]["submission_id"]

    def escalations(self, task_id: str) -> list[dict[str, Any]]:
        """The escalations of a task, newest first."""
        answer = self.http.get("/v1/escalations", params={"task_id": task_id})
        return list(answer.raise_for_status().json()["data"]["escalations"])

    def decide(self, escalation_id: str, verb: str) -> None:
        """Approves or rejects one: `verb` is the path's last word."""
        self.http.post(f"/v1/escalations/{escalation_id}/{verb}", json={}).raise_for_status()

    def task(self, task_id: str) -> dict[str, Any]:
        return self.http.get(f"/v1/tasks/{task_id}").json()["data"]

    def events(self, task_id: str) -> list[str]:
        """The types of a task's events, in order."""
        rows = self.query("SELECT type FROM events WHERE task_id = %s ORDER BY seq", task_id)
        return [row[0] for row in rows]

    def calls(self, task_id: str) -> list[tuple[Any, ...]]:
        """State, claim and number of a task's calls, oldest first."""
        return self.query(
            "SELECT state, claim, number FROM model_calls WHERE task_id = %s ORDER BY started_at",
            task_id,
        )

    def running(self, submission_id: str) -> tuple[int, int] | None:
        """Claim number and worker's pid of a submission while it runs."""
        rows = self.query(
            "SELECT claim, claimed_by FROM submissions WHERE id = %s AND state = 'running'",
            submission_id,
        )
        return (rows[0][0], int(rows[0][1].rpartition(":")[2])) if rows else None

    def wait_running(self, submission_id: str, seconds: float = 20) -> tuple[int, int]:
        return eventually(
            lambda: self.running(submission_id), seconds, f"{submission_id} is running"
        )

    def all_final(self) -> bool:
        """Whether no task of the whole database has work left."""
        return not self.query("SELECT 1 FROM tasks WHERE state <> ALL(%s) LIMIT 1", list(FINAL))

    def wait_final(self, *tasks: dict[str, Any], seconds: float = 40) -> list[dict[str, Any]]:
        """The tasks as they ended, in the order given."""
        ids = [task["id"] for task in tasks]

        def unfinished() -> list[tuple[Any, ...]]:
            return self.query(
                "SELECT id, state, progress_message FROM tasks"
                " WHERE id = ANY(%s) AND state <> ALL(%s)",
                ids,
                list(FINAL),
            )

        eventually(lambda: not unfinished(), seconds, f"all {len(ids)} tasks are final")
        return [self.task(task_id) for task_id in ids]


def new_task(sandbox: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    steering = {"delay_seconds": 0, **(sandbox or {})}
    return {"title": "Add a login", "metadata": {"sandbox": steering}, **fields}
