"""What is told of a running stack: its addresses and secrets, in `stack.json` of its home."""

import json
from dataclasses import asdict, dataclass, replace

from kyros_worker.command.home import Home, read_stack, write_private
from kyros_worker.command.ports import reachable_host
from kyros_worker.settings import Settings


@dataclass(frozen=True)
class Made:
    """What a first start made to come in by, and tells this once."""

    key: str | None = None
    #: By which address the first admin signs in, and with which password.
    admin_email: str | None = None
    admin_password: str | None = None


@dataclass(frozen=True)
class Stack:
    """A stack as it was started. All but `made` is kept in its home."""

    supervisor_pid: int = 0
    database_url: str = ""
    redis_url: str = ""
    secret_key: str = ""
    flower_password: str = ""
    api_host: str = "127.0.0.1"
    api_port: int = 0
    flower_port: int = 0
    flower_url_prefix: str = ""
    test_mode: bool = True
    made: Made = Made()

    @classmethod
    def of(cls, told: Settings, supervisor_pid: int) -> "Stack":
        """The stack that runs with these settings."""
        return cls(
            supervisor_pid=supervisor_pid,
            database_url=told.required_database_url(),
            redis_url=told.required_redis_url(),
            secret_key=told.secret_key or "",
            flower_password=told.flower_password or "",
            api_host=told.api_host,
            api_port=told.api_port,
            flower_port=told.flower_port,
            flower_url_prefix=told.flower_url_prefix or "",
            test_mode=told.test_mode,
        )

    @classmethod
    def read(cls, home: Home) -> "Stack":
        """The stack that the home tells of; an empty one when it tells of none."""
        known = read_stack(home)
        return cls(**{name: known[name] for name in cls.__dataclass_fields__ if name in known})

    def with_made(self, made: Made) -> "Stack":
        """The same with what was made at this start."""
        return replace(self, made=made)

    @property
    def api_url(self) -> str:
        """Where this machine reaches the API."""
        return f"http://{reachable_host(self.api_host)}:{self.api_port}"

    @property
    def flower_url(self) -> str:
        """Where this machine reaches Flower."""
        return f"http://127.0.0.1:{self.flower_port}/{self.flower_url_prefix}".rstrip("/")


def write_stack(home: Home, stack: Stack) -> None:
    """Tells the other commands of this home; only the owner can read it."""
    kept = asdict(stack)
    del kept["made"]
    write_private(home.stack, json.dumps(kept, indent=2) + "\n")
