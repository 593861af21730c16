"""Whole stacks from outside, with tiny processes in place of the real ones."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from contextlib import closing, suppress
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis

from kyros_worker.command import leftovers
from kyros_worker.command.home import Home
from kyros_worker.command.ports import free_port
from tests.eventually import eventually

# `kyros` with another Procfile, without the schema, and less patient.
KYROS = """
import functools, sys
from pathlib import Path
from kyros_worker.command import main, start, supervise, up
from kyros_worker.command.stack import Made
supervise.START_SECONDS = start.OWN_STORE_SECONDS = 1
without = {"prepare": lambda _: None, "let_in": lambda _, tell: tell(Made())}
up.up = functools.partial(up.up, procfile_path=Path(sys.argv.pop(1)), **without)
main.main()
"""
#: The same with the schema, the first key and the first admin.
WHOLE = KYROS.replace(", **without", "")
SERVER = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"up")
print("serving", flush=True)
port = int(os.environ["KYROS_API_PORT"])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
IDLE = "import time; print('idle', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + IDLE
BROKEN = "raise SystemExit('the reason why')"


#: The settings of stores of one's own.
OWN = ("DATABASE_URL", "REDIS_URL", "KYROS_SECRET_KEY")


class Deployment:
    """A home, its Procfile and its ports."""

    def __init__(self, folder: Path, processes: dict[str, str], **environ: str) -> None:
        folder.mkdir(exist_ok=True)
        self.home = Home(folder / "home")
        self.procfile = folder / "Procfile"
        self.script = KYROS
        lines = []
        for name, code in processes.items():
            script = folder / f"{name}.py"
            script.write_text(code)
            lines.append(f"{name}: {sys.executable} {script}\n")
        self.procfile.write_text("".join(lines))
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("KYROS_") and name not in ("DATABASE_URL", "REDIS_URL")
        }
        self.environ = kept | {
            "KYROS_HOME": str(self.home.root),
            "KYROS_API_PORT": str(free_port()),
            "KYROS_FLOWER_PORT": str(free_port()),
            **environ,
        }

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-c", self.script, str(self.procfile), *words]

    def kyros(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def foreground(self) -> subprocess.Popen[str]:
        """Starts `kyros up` and returns when it says where it is."""
        process = subprocess.Popen(
            self.command("up"), env=self.environ, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for line in process.stdout:
            if "Stop" in line:
                return process
        raise AssertionError("kyros up ended")

    def stack(self) -> dict[str, object]:
        return json.loads(self.home.stack.read_text())

    def processes(self) -> list[psutil.Process]:
        return leftovers.find(self.home)

    def states(self) -> dict[str, dict[str, object]]:
        shown = json.loads(self.kyros("status", "--json").stdout)
        return {process["name"]: process for process in shown["processes"]}

    def query(self, statement: str) -> list[tuple[object, ...]]:
        with closing(psycopg2.connect(self.stack()["database_url"])) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def deploy(tmp_path):
    """Makes deployments, and ends what is left of them."""
    made = []

    def make(processes, folder="one", **environ):
        made.append(Deployment(tmp_path / folder, processes, **environ))
        return made[-1]

    yield make
    for deployment in made:
        leftovers.end(deployment.home)


def test_the_life_of_a_detached_stack(deploy):
    one = deploy({"api": SERVER, "idle": IDLE})
    started = one.kyros("up", "--detach")
    assert started.returncode == 0, started.stderr
    assert f"http://127.0.0.1:{one.environ['KYROS_API_PORT']}" in started.stdout

    assert stat.S_IMODE(one.home.root.stat().st_mode) == 0o700
    for path in (one.home.stack, one.home.secrets, one.home.supervisor_configuration):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secrets = json.loads(one.home.secrets.read_text()).values()
    shown = " ".join(" ".join(process.cmdline()) for process in one.processes())
    logs = " ".join(path.read_text() for path in one.home.logs.iterdir())
    written = shown + logs + one.home.supervisor_configuration.read_text()
    assert not [secret for secret in secrets if secret in written]

    assert one.kyros("status").returncode == 0
    assert set(one.states()) == {"postgres", "redis", "api", "idle"}
    assert "idle | idle" in one.kyros("logs", "idle").stdout

    again = one.kyros("up")
    assert again.returncode == 1
    assert "already running" in again.stderr

    first = one.states()["idle"]["pid"]
    os.kill(first, signal.SIGKILL)
    eventually(lambda: one.states()["idle"]["pid"] not in (first, None), 20, "it is started anew")

    other = deploy({"api": SERVER}, "two")
    assert other.kyros("up", "--detach").returncode == 0
    assert one.kyros("status").returncode == 0
    assert other.kyros("down").returncode == 0
    assert one.kyros("status").returncode == 0

    assert one.kyros("down").stdout == "Kyros is stopped.\n"
    assert one.processes() == []
    assert one.kyros("status").returncode == 3


def is_alive(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill_all(processes):
    """Kills what is there; true when nothing was, since some are born and end meanwhile."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return not processes


def test_data_survive_the_death_of_everything(deploy):
    one = deploy({"idle": IDLE})
    assert one.kyros("up", "--detach").returncode == 0
    one.query("CREATE TABLE kept AS SELECT 42 AS answer")
    with redis.Redis.from_url(one.stack()["redis_url"]) as client:
        client.set("kept", "42")
        eventually(
            lambda: b"kept" in b"".join(p.read_bytes() for p in one.home.redis.rglob("*.aof")),
            20,
            "Redis has written it down",
        )
    eventually(lambda: kill_all(one.processes()), 20, "nothing is left to kill")
    for log in one.home.redis.rglob("*.aof"):
        if "base" not in log.name:
            with log.open("ab") as file:
                file.write(b"*3\r\n$3\r\nSET\r\n$4\r\ncut")

    started = one.kyros("up", "--detach")
    assert started.returncode == 0, started.stderr
    assert one.query("SELECT answer FROM kept") == [(42,)]
    with redis.Redis.from_url(one.stack()["redis_url"]) as client:
        assert client.get("kept") == b"42"


def test_leftovers_of_a_killed_supervisord_are_ended_first(deploy):
    one = deploy({"idle": IDLE})
    assert one.kyros("up", "--detach").returncode == 0
    os.kill(one.stack()["supervisor_pid"], signal.SIGKILL)
    orphans = one.processes()
    assert {"idle.py", "postgres"} <= {Path(part).name for p in orphans for part in p.cmdline()}
    assert one.kyros("up", "--detach").returncode == 0
    # A zombie has ended; who has taken it in collects it when it likes.
    eventually(lambda: not any(map(is_alive, orphans)), 20, "the orphans have ended")

    os.kill(one.stack()["supervisor_pid"], signal.SIGKILL)
    assert one.kyros("down").returncode == 0
    assert one.processes() == []


def test_each_way_to_stop_the_foreground(deploy):
    one = deploy({"idle": IDLE})
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        process = one.foreground()
        process.send_signal(number)
        assert process.wait(timeout=40) == 0
        assert one.processes() == []


def test_without_its_foreground_a_stack_goes_on(deploy):
    one = deploy({"idle": IDLE})
    process = one.foreground()
    process.kill()
    process.wait()
    assert one.kyros("status").returncode == 0
    assert one.kyros("down").returncode == 0
    assert one.processes() == []


def test_down_stops_a_foreground_elsewhere(deploy):
    one = deploy({"idle": IDLE})
    process = one.foreground()
    assert one.kyros("down").returncode == 0
    assert process.wait(timeout=40) == 0
    assert one.processes() == []


def test_who_ignores_sigterm_is_killed(deploy):
    one = deploy({"stubborn": STUBBORN, "stubborn2": STUBBORN})
    process = one.foreground()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=40) == 0
    assert one.processes() == []


def test_a_process_that_fails_at_its_start_is_named_with_its_log(deploy):
    one = deploy({"idle": IDLE, "broken": BROKEN})
    started = one.kyros("up")
    assert started.returncode == 1
    assert "process broken ended" in started.stderr
    assert "the reason why" in started.stderr
    assert "Traceback" not in started.stderr
    assert started.stdout == ""
    assert one.processes() == []
    assert not one.home.root.exists()


def test_a_program_that_is_not_there_is_named(deploy):
    one = deploy({})
    one.procfile.write_text("ghost: no-such-program --flag\n")
    started = one.kyros("up")
    assert started.returncode == 1
    assert "ghost" in started.stderr
    assert "Traceback" not in started.stderr
    assert one.processes() == []
    assert not one.home.root.exists()


def test_a_start_that_is_interrupted_leaves_nothing(deploy):
    one = deploy({"idle": IDLE})
    process = subprocess.Popen(one.command("up"), env=one.environ)
    eventually(one.processes, 20, "something has started")
    process.send_signal(signal.SIGINT)
    process.wait(timeout=40)
    assert one.processes() == []
    assert not one.home.root.exists()


@pytest.mark.parametrize("setting", ["KYROS_API_PORT", "KYROS_FLOWER_PORT"])
def test_a_used_port_leaves_nothing_behind(deploy, setting):
    with socket.create_server(("127.0.0.1", 0)) as other:
        one = deploy({"api": SERVER}, **{setting: str(other.getsockname()[1])})
        started = one.kyros("up")
    assert started.returncode == 1
    assert setting in started.stderr
    assert len(started.stderr.splitlines()) == 1
    assert not one.home.root.exists()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("KYROS_API_PORT", "many", "KYROS_API_PORT"),
        ("KYROS_CONFIG", "/no/such/file.toml", "KYROS_CONFIG"),
        ("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/x", "KYROS_SECRET_KEY"),
        ("REDIS_URL", "http://127.0.0.1", "REDIS_URL"),
        ("KYROS_HOME", "/dev/null/home", "KYROS_HOME"),
    ],
)
def test_a_wrong_setting_is_one_sentence(deploy, name, value, told):
    one = deploy({"api": SERVER}, **{name: value})
    started = one.kyros("up")
    assert started.returncode == 1
    assert told in started.stderr
    assert len(started.stderr.splitlines()) == 1
    assert not one.home.root.exists()


def test_stores_of_ones_own_are_used(deploy, stores, make_database):
    one = deploy(
        {"api": SERVER},
        DATABASE_URL=make_database(lambda _: None),
        REDIS_URL=stores.redis_url,
        KYROS_SECRET_KEY="k" * 32,
    )
    started = one.kyros("up", "--detach")
    assert started.returncode == 0, started.stderr
    assert set(one.states()) == {"api"}
    assert not one.home.postgres.exists()
    assert one.stack()["redis_url"] == stores.redis_url
    address = f"http://127.0.0.1:{one.environ['KYROS_API_PORT']}/healthz"
    with urllib.request.urlopen(address) as answer:
        assert answer.status == 200
    assert one.kyros("down").returncode == 0


def test_a_database_that_is_away_is_one_sentence_without_its_password(deploy, stores, monkeypatch):
    one = deploy(
        {"api": SERVER},
        DATABASE_URL=f"postgresql://me:hidden@127.0.0.1:{free_port()}/x",
        REDIS_URL=stores.redis_url,
        KYROS_SECRET_KEY="k" * 32,
    )
    started = one.kyros("up")
    assert started.returncode == 1
    assert "does not answer" in started.stderr
    assert "hidden" not in started.stderr
    assert one.processes() == []
    assert not one.home.root.exists()


@pytest.fixture
def whole(deploy, stores, make_database):
    """A deployment with an empty database of its own, which outlives a start that fails."""
    url = make_database(lambda _: None)
    own = {"DATABASE_URL": url, "REDIS_URL": stores.redis_url, "KYROS_SECRET_KEY": "k" * 32}
    one = deploy({"idle": IDLE}, **own)
    one.script = WHOLE
    return one


def test_a_start_that_fails_late_makes_nobody_the_first(whole, deploy):
    broken = deploy({"idle": IDLE, "broken": BROKEN}, "two")
    broken.script = WHOLE
    broken.environ |= {name: whole.environ[name] for name in OWN}
    started = broken.kyros("up", "--detach")
    assert (started.returncode, started.stdout) == (1, "")

    started = whole.kyros("up", "--detach")
    assert started.returncode == 0, started.stderr
    assert "admin@localhost, password " in started.stdout
    assert whole.home.cli_key.read_text().strip() in started.stdout
    assert whole.query("SELECT count(*) FROM users") == [(1,)]
    assert whole.kyros("down").returncode == 0
    again = whole.kyros("up", "--detach")
    assert "admin@localhost" not in again.stdout
    assert whole.kyros("down").returncode == 0


def test_what_could_not_be_shown_was_not_made(whole):
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            whole.command("up", "--detach"), env=whole.environ, stdout=full, check=False, timeout=90
        )
    assert process.returncode != 0
    assert whole.processes() == []
    started = whole.kyros("up", "--detach")
    assert "admin@localhost, password " in started.stdout
    assert "(shown this once; kept in " in started.stdout
    assert whole.kyros("down").returncode == 0
