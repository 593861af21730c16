"""How gunicorn serves the API: threads, since most requests wait for the database or an event."""

import gc
from datetime import timedelta
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

from kyros_worker import log
from kyros_worker.settings import PROJECT_ROOT, current

_LONGEST_PATH = 500
#: How gunicorn's lines about what it can't read, or can't answer, begin.
_INVALID = "Invalid request from ip="
_FAILED = "Error handling request"


class RequestLogger(Logger):
    """Gunicorn's own lines as ours, and a line a request with what the API noted of it."""

    def setup(self, cfg: Any) -> None:
        """Leaves the writing to the root logger."""
        self.cfg = cfg
        self._access_log_enabled = True
        log.configure("api")
        self.error_log.propagate = True

    def warning(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Warns, but never with a piece of a request that could not be read: a header, a query."""
        if isinstance(msg, str) and msg.startswith(_INVALID):
            msg = f"{msg.partition(': ')[0].replace('%', '%%')}."
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Tells of an error in full, but for the request's address, which ends in its query."""
        if isinstance(msg, str) and msg.startswith(_FAILED):
            msg, args = f"{_FAILED}.", ()
        super().exception(msg, *args, **kwargs)

    def access(
        self,
        resp: Any,
        req: Any,  # noqa: ARG002 - gunicorn's own signature
        environ: dict[str, Any],
        request_time: timedelta,
    ) -> None:
        """Writes the line of a request."""
        status = resp.status
        noted = environ.get(log.NOTED, {})
        # No query string: it may hold what a person searched for, or a code that signs in.
        path = environ.get("PATH_INFO") or ""
        if noted.get("route") != path:
            # Whoever mistakes a secret for an id puts it here.
            path = log.scrubbed(path)
        log.FACTS.info(
            "request",
            method=environ.get("REQUEST_METHOD"),
            path=path[:_LONGEST_PATH],
            status=int(status.split(None, 1)[0]) if isinstance(status, str) else status,
            duration_ms=round(request_time.total_seconds() * 1000, 1),
            **noted,
        )


def post_worker_init(worker: Any) -> None:  # noqa: ARG001 - gunicorn's own signature
    """What is loaded stays: looking through all of it for garbage would stop every request."""
    gc.collect()
    gc.freeze()


_settings = current()
_memory = Path("/dev/shm")  # nosec B108  # noqa: S108 - gunicorn makes a new file in it

bind = [f"{_settings.api_host}:{_settings.api_port}"]
chdir = str(PROJECT_ROOT)
worker_class = "api.deadline_worker.DeadlineWorker"
workers = _settings.api_processes
threads = _settings.api_threads
# A connection that is kept alive holds no thread: many more of them may be open.
worker_connections = max(1000, 4 * _settings.api_threads)
reuse_port = True
# Longer than the idle time-outs of common load balancers (60 s), so that it is they who close.
keepalive = 75
graceful_timeout = 5
accesslog = "-"
logger_class = RequestLogger
errorlog = "-"
# Whom to believe about addresses and TLS is the application's to say (KYROS_TRUSTED_PROXIES).
# By default gunicorn believes every process of this machine, and lets it set the path, too.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
# X_Forwarded_For would become the same variable as X-Forwarded-For.
header_map = "drop"
# The heartbeat's file on a disk could block a worker.
worker_tmp_dir = str(_memory) if _memory.is_dir() else None
# Nobody asks for it, and two stacks of one user would share its default path.
control_socket_disable = True
