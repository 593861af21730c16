"""How gunicorn serves the API: threads, since most requests wait for the database or an event."""

from pathlib import Path

from kyros_worker.settings import PROJECT_ROOT, current

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
# No query string: it may hold what a person searched for.
access_log_format = "%(m)s %(U)s %(s)s %(M)s ms request_id=%({x-request-id}o)s"
errorlog = "-"
# The heartbeat's file on a disk could block a worker.
worker_tmp_dir = str(_memory) if _memory.is_dir() else None
# Nobody asks for it, and two stacks of one user would share its default path.
control_socket_disable = True
