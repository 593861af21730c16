"""How gunicorn serves the API: threads, since most requests wait for the database or an event."""

import gc
from datetime import timedelta
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

from kyros_worker.settings import PROJECT_ROOT, current


class AccessLogger(Logger):
    """Gunicorn's, which for each line makes thirty values of which ours has five."""

    def atoms(
        self,
        resp: Any,
        req: Any,  # noqa: ARG002 - gunicorn's own signature
        environ: dict[str, Any],
        request_time: timedelta,
    ) -> dict[str, Any]:
        """What `access_log_format` names."""
        ids = (value for name, value in resp.headers if name.lower() == "x-request-id")
        return {
            "m": environ.get("REQUEST_METHOD"),
            # No query string: it may hold what a person searched for.
            "U": environ.get("PATH_INFO"),
            "s": resp.status.split(None, 1)[0] if isinstance(resp.status, str) else resp.status,
            "M": request_time // timedelta(milliseconds=1),
            "{x-request-id}o": next(ids, "-"),
        }


def post_worker_init(worker: Any) -> None:  # noqa: ARG001 - gunicorn's own signature
    """What is loaded stays: looking through all of it for garbage would stop every request."""
    gc.collect()
    gc.freeze()


_settings = current()
_memory = Path("/dev/shm")  # noqa: S108

bind = [f"{_settings.api_host}:{_settings.api_port}"]
chdir = str(PROJECT_ROOT)
worker_class = "gthread"
workers = _settings.api_processes
threads = _settings.api_threads
# A connection that is kept alive holds no thread: many more of them may be open.
worker_connections = max(1000, 4 * _settings.api_threads)
reuse_port = True
# Longer than the idle time-outs of common load balancers (60 s), so that it is they who close.
keepalive = 75
graceful_timeout = 5
accesslog = "-"
logger_class = AccessLogger
access_log_format = "%(m)s %(U)s %(s)s %(M)s ms request_id=%({x-request-id}o)s"
errorlog = "-"
# The heartbeat's file on a disk could block a worker.
worker_tmp_dir = str(_memory) if _memory.is_dir() else None
# Nobody asks for it, and two stacks of one user would share its default path.
control_socket_disable = True
