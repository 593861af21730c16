"""supervisord under a home: its configuration, its start, and talking to its socket."""

import http.client
import os
import resource
import shlex
import socket
import subprocess
import sys
import time
import xmlrpc.client  # nosec B411  # of our own supervisor alone, on a socket of ours
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kyros_worker.command.home import Home, write_private
from kyros_worker.errors import ConfigurationError

#: Marks every process of a stack, so that leftovers can be told from other people's processes.
MARK = "KYROS_STACK"
#: What is started first and stopped last.
STORES = "stores"
#: The Procfile's processes; they stop side by side.
PROCESSES = "kyros"

STOP_SECONDS = 12
#: Who runs this long counts as started: long enough for an import that fails to have failed.
START_SECONDS = 3
#: Two codes of supervisor's `Faults`, which would cost the import of the whole package.
SUCCESS = 80
SHUTTING_DOWN = 6
_OPEN_FILES = 65536
_CALL_TIMEOUT = 10


@dataclass(frozen=True)
class Program:
    """One process to look after: `group` is STORES or PROCESSES."""

    name: str
    group: str
    command: list[str]
    folder: Path
    stop_signal: str = "TERM"


@dataclass(frozen=True)
class State:
    """What supervisord says of one process. `seconds` is its time since its last start."""

    name: str
    group: str
    state: str
    pid: int
    seconds: int
    error: str

    @property
    def running(self) -> bool:
        """Whether it has been up long enough to count as started."""
        return self.state == "RUNNING"


class Gone(Exception):  # noqa: N818
    """No supervisord answers in this home, or the one that does is about to end."""


class Supervisor:
    """A supervisord by its socket. Every call raises Gone when none answers."""

    def __init__(self, home: Home) -> None:
        self._socket = str(home.socket)

    def pid(self) -> int:
        """Its pid."""
        return int(self._call("getPID"))

    def states(self) -> list[State]:
        """All processes, the stores first."""
        found = [
            State(
                name=item["name"],
                group=item["group"],
                state=item["statename"],
                pid=item["pid"],
                seconds=max(item["now"] - item["start"], 0) if item["pid"] else 0,
                error=item["spawnerr"],
            )
            for item in self._call("getAllProcessInfo")
        ]
        return sorted(found, key=lambda state: state.group != STORES)

    def start(self, group: str) -> None:
        """Starts a group's processes without waiting for them."""
        for result in self._call("startProcessGroup", group, False):
            if result["status"] != SUCCESS:
                raise ConfigurationError(
                    f"The process {result['name']} can't be started: {result['description']}."
                )

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = _UnixTransport(self._socket)
        try:
            with xmlrpc.client.ServerProxy("http://kyros/RPC2", transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            raise Gone from error
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == SHUTTING_DOWN:
                raise Gone from fault
            raise ConfigurationError(f"supervisord refuses: {fault.faultString}.") from fault


def write_configuration(home: Home, programs: list[Program]) -> None:
    """Writes supervisord's configuration; no secret is in it.

    Raises ConfigurationError for a path or a command that its format can't hold.
    """
    lines = [
        "[unix_http_server]",
        f"file={_value(str(home.socket))}",
        "chmod=0600",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "[supervisord]",
        "nodaemon=true",
        "silent=true",
        "nocleanup=true",
        f"logfile={_value(str(home.log('supervisord')))}",
        "logfile_maxbytes=5MB",
        "logfile_backups=1",
        f"pidfile={_value(str(home.root / 'supervisord.pid'))}",
        f"childlogdir={_value(str(home.logs))}",
    ]
    if os.geteuid() == 0:
        lines.append("user=root")
    for program in programs:
        lines += _program_lines(home, program)
    for group, priority in ((STORES, 1), (PROCESSES, 999)):
        names = ",".join(program.name for program in programs if program.group == group)
        if names:
            lines += [f"[group:{group}]", f"programs={names}", f"priority={priority}"]
    write_private(home.supervisor_configuration, "\n".join(lines) + "\n")


def launch(home: Home, environ: dict[str, str], timeout: float = 15) -> Supervisor:
    """Starts supervisord in a session of its own and waits until it answers.

    Its environment is what its processes inherit, secrets included: neither a file nor a command
    line shows them. Raises ConfigurationError when it does not come up.
    """
    errors = home.log("supervisord.start")
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                __name__.rpartition(".")[0] + ".supervisord",
                "-c",
                str(home.supervisor_configuration),
            ],
            cwd=home.root,
            env={**environ, MARK: str(home.root)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
            umask=0o077,
        )
    supervisor = Supervisor(home)
    deadline = time.monotonic() + timeout
    while process.poll() is None and time.monotonic() < deadline:
        try:
            supervisor.pid()
        except Gone:
            time.sleep(0.03)
        else:
            return supervisor
    last = " ".join(errors.read_text(errors="replace").split()[-60:])
    raise ConfigurationError(f"supervisord does not start: {last or 'no reason was given'}.")


def allow_many_open_files() -> None:
    """Raises this process's limit of open files, which what it starts inherits."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _program_lines(home: Home, program: Program) -> list[str]:
    return [
        f"[program:{program.name}]",
        f"command={_value(shlex.join(program.command))}",
        f"directory={_value(str(program.folder))}",
        "autostart=false",
        "autorestart=true",
        f"startsecs={START_SECONDS}",
        # Never giving up; the pause between tries grows (see supervisord.py).
        "startretries=1000000000",
        f"stopsignal={program.stop_signal}",
        f"stopwaitsecs={STOP_SECONDS}",
        # A master (gunicorn, Celery, Postgres) stops its own children in order; the group is
        # for what is still there afterwards.
        "stopasgroup=false",
        "killasgroup=true",
        "redirect_stderr=true",
        f"stdout_logfile={_value(str(home.log(program.name)))}",
        "stdout_logfile_maxbytes=10MB",
        "stdout_logfile_backups=3",
    ]


def _value(text: str) -> str:
    """A text as the configuration's format holds it."""
    if any(mark in text for mark in ("\n", "\r", " ;", " #")):
        raise ConfigurationError(
            f"{text!r} can't be used: no line break, ' ;' or ' #' may be in a path or command."
        )
    return text.replace("%", "%%")


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:  # noqa: ARG002
        return _UnixConnection(self._path)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_CALL_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
