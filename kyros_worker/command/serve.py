"""The processes of the Procfile: each replaces this one by the program that does the work.

Secrets are handed over in the environment, never on a command line, where `ps` would show them.
"""

import logging
import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

from kyros_worker import log
from kyros_worker import settings as settings_room
from kyros_worker.command.home import Home, keep_secrets
from kyros_worker.errors import ConfigurationError
from kyros_worker.model.price_check import require_prices
from kyros_worker.queue.names import WEBHOOKS
from kyros_worker.settings import PROJECT_ROOT, ROLES, Settings, current

_APPLICATION = "kyros_worker.queue.app"
_POOL = "kyros_worker.task.pool:Pool"
FLOWER_USER = "kyros"


def worker(role: str) -> NoReturn:
    """A Celery worker for one role's queue, or for the deliveries of webhooks.

    Raises ConfigurationError for an unknown role, and when a price that must be there is missing.
    """
    fleets = (*ROLES, WEBHOOKS)
    if role not in fleets:
        raise ConfigurationError(f"No fleet is called {role}; there are {', '.join(fleets)}.")
    settings = _begin(role)
    if role in ROLES:
        require_prices(settings)
    settings.required_database_url()
    settings.required_redis_url()
    # The pid keeps workers of one role on one machine apart; exec does not change it.
    name = f"{role}@{socket.gethostname()}-{os.getpid()}"
    os.environ["CELERY_CUSTOM_WORKER_POOL"] = _POOL
    _become(
        settings,
        ["celery", "--quiet", "-A", _APPLICATION, "worker", "-Q", role, "-n", name, "-P", "custom",
         "-c", str(settings.worker_concurrency), "-E", "--without-gossip", "--without-mingle"],
    )  # fmt: skip


def api() -> NoReturn:
    """The HTTP API on gunicorn."""
    settings = _begin("api")
    settings.required_database_url()
    settings.required_redis_url()
    if settings.jwt_weakness:
        # In test mode alone: otherwise the settings would not have been taken.
        logging.getLogger(__name__).warning(settings.jwt_weakness)
    configuration = PROJECT_ROOT / "deploy" / "gunicorn.conf.py"
    _become(settings, ["gunicorn", "-c", str(configuration), "api.app:create_app()"])


def dispatch() -> None:
    """The dispatcher, in this process."""
    from kyros_worker.dispatch.loop import main  # noqa: PLC0415

    _begin("dispatch")
    main()


def flower() -> NoReturn:
    """Flower, behind a password, on this machine alone."""
    settings = _begin("flower")
    settings.required_redis_url()
    home = Home(settings.home.resolve())
    password = settings.flower_password or keep_secrets(home).flower_password
    os.environ["FLOWER_BASIC_AUTH"] = f"{FLOWER_USER}:{password}"
    home.flower.mkdir(mode=0o700, parents=True, exist_ok=True)
    _become(
        settings,
        ["celery", "-A", _APPLICATION, "flower", "--address=127.0.0.1",
         f"--port={settings.flower_port}", "--persistent=True", "--state_save_interval=10000",
         f"--db={home.flower / 'flower.db'}", f"--url_prefix={settings.flower_url_prefix or ''}",
         f"--conf={PROJECT_ROOT / 'deploy' / 'flower.conf.py'}", "--logging=none"],
    )  # fmt: skip


def migrate() -> None:
    """Brings the database's schema up to date."""
    from kyros_worker.migrations.upgrade import upgrade  # noqa: PLC0415

    upgrade(current().required_database_url())


def _begin(process: str) -> Settings:
    """The settings; what goes wrong from here on is told in the log's form."""
    settings = current()
    log.configure(process)
    return settings


def _become(settings: Settings, command: list[str]) -> NoReturn:
    """Replaces this process by a program of the same virtual environment."""
    os.environ.update(settings_room.environment(settings))
    os.chdir(PROJECT_ROOT)
    sys.stdout.flush()
    program = Path(sys.executable).with_name(command[0])
    os.execv(sys.executable, [sys.executable, str(program), *command[1:]])  # nosec B606  # noqa: S606
