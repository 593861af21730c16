"""Every setting, typed and documented: the only reader of the environment.

Names are `KYROS_…`, but for `DATABASE_URL` and `REDIS_URL`. What is a table (workflows, models,
prices) stands in the TOML file that `KYROS_CONFIG` names (`configuration.py`), which also says
in which variables the keys of model providers lie: no other key is ever used. The guide's client
variables (`KYROS_API_URL`, `KYROS_API_KEY`, `KYROS_WEBHOOK_SECRET`, `KYROS_ENVIRONMENT`) belong
to clients; of them the command line, a client itself, reads the first two.
"""

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)

from kyros_worker import configuration as tables
from kyros_worker.configuration import Configuration, Provider
from kyros_worker.email_address import is_email, normalised
from kyros_worker.errors import ConfigurationError
from kyros_worker.setting_lists import listed, networks, refuse_no_origin
from kyros_worker.signing_secret import weakness
from kyros_worker.toml_table import sentence
from kyros_worker.web_address import refuse_no_address
from kyros_worker.words import ROLES, Role

__all__ = [
    "PROJECT_ROOT", "ROLES", "Configuration", "Role", "Settings", "current", "environment", "load",
]  # fmt: skip

PROJECT_ROOT = Path(__file__).resolve().parent.parent

_BOOTSTRAP_SECRET_LENGTH = 32


def _blank_is_none(value: object) -> object:
    return None if value == "" else value


Optional = BeforeValidator(_blank_is_none)


class Settings(BaseModel):
    """All that can be set from outside; each field's environment variable is its alias."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    #: Where the embedded stack keeps its data, logs, sockets and keys.
    home: Path = Field(PROJECT_ROOT / ".kyros", alias="KYROS_HOME")
    #: A Postgres of your own (14 or newer) instead of the embedded one.
    database_url: Annotated[str | None, Optional] = Field(None, alias="DATABASE_URL")
    #: A Redis of your own (6.2 or newer, or Valkey) instead of the embedded one.
    redis_url: Annotated[str | None, Optional] = Field(None, alias="REDIS_URL")
    #: Encrypts secrets at rest and signs; required with DATABASE_URL, else made under home.
    secret_key: Annotated[str | None, Optional] = Field(
        None, alias="KYROS_SECRET_KEY", min_length=32
    )
    #: Signs JWTs; the secret key where it is not set.
    jwt_secret: Annotated[str | None, Optional] = Field(None, alias="KYROS_JWT_SECRET")
    #: What signed JWTs before it: still accepted.
    jwt_previous_secret: Annotated[str | None, Optional] = Field(
        None, alias="KYROS_JWT_PREVIOUS_SECRET"
    )
    #: The TOML file with the tables of the configuration.
    config_file: Annotated[Path | None, Optional] = Field(None, alias="KYROS_CONFIG")

    api_host: str = Field("127.0.0.1", alias="KYROS_API_HOST")
    api_port: int = Field(8000, alias="KYROS_API_PORT", ge=1, le=65535)
    #: Processes of the API; each holds its own threads and watchers.
    api_processes: int = Field(2, alias="KYROS_API_PROCESSES", ge=1, le=64)
    #: Threads of one API process. Watchers (wait, stream) may take three quarters of them.
    api_threads: int = Field(256, alias="KYROS_API_THREADS", ge=8, le=2048)
    #: How long a request may take to arrive, and each of its statements to run, in seconds.
    request_seconds: float = Field(
        30, alias="KYROS_REQUEST_SECONDS", ge=1, le=600, allow_inf_nan=False
    )
    #: Networks of the proxies whose X-Forwarded-For and -Proto are believed, separated by commas.
    trusted_proxies: Annotated[str | None, Optional] = Field(None, alias="KYROS_TRUSTED_PROXIES")
    #: Origins whose pages may call the API from a browser, separated by commas.
    cors_origins: Annotated[str | None, Optional] = Field(None, alias="KYROS_CORS_ORIGINS")
    flower_port: int = Field(5555, alias="KYROS_FLOWER_PORT", ge=1, le=65535)
    #: The password of Flower's user `kyros`; made under home when not set.
    flower_password: Annotated[str | None, Optional] = Field(
        None, alias="KYROS_FLOWER_PASSWORD", min_length=8
    )
    #: How the processes write their logs: for people, or one JSON object a line.
    log_format: Literal["console", "json"] = Field("console", alias="KYROS_LOG_FORMAT")
    #: The least that is written; of libraries never less than `info`.
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", alias="KYROS_LOG_LEVEL")
    #: The path under which a proxy shows Flower, such as `flower`.
    flower_url_prefix: Annotated[str | None, Optional] = Field(
        None, alias="KYROS_FLOWER_URL_PREFIX"
    )
    #: Where people reach this deployment, without a trailing slash: the base of a task's `url`.
    public_url: Annotated[str | None, Optional] = Field(None, alias="KYROS_PUBLIC_URL")
    #: Becomes the first admin key when the database has none; its prefix says its mode.
    bootstrap_api_key: Annotated[str | None, Optional] = Field(
        None, alias="KYROS_BOOTSTRAP_API_KEY"
    )
    #: By which address the first admin signs in.
    admin_email: str = Field("admin@localhost", alias="KYROS_ADMIN_EMAIL")

    #: Submissions that one worker process runs side by side; they mostly wait for a model.
    worker_concurrency: int = Field(64, alias="KYROS_WORKER_CONCURRENCY", ge=1, le=2000)
    #: How long a claim lasts without a renewal, in seconds. A third of it is the renewal's pace.
    lease_seconds: float = Field(15, alias="KYROS_LEASE_SECONDS", ge=3, le=25)
    #: The first pause before a failed try is tried again, in seconds; it doubles each time.
    retry_pause_seconds: float = Field(2, alias="KYROS_RETRY_PAUSE_SECONDS", ge=0, le=3600)

    #: Private networks whose addresses webhooks may call, separated by commas; `loopback` is this
    #: machine, whose answers are not shown.
    webhook_allowed_networks: Annotated[str | None, Optional] = Field(
        None, alias="KYROS_WEBHOOK_ALLOWED_NETWORKS"
    )

    #: The command line's own: which API to talk to, and with which key.
    client_api_url: Annotated[str | None, Optional] = Field(None, alias="KYROS_API_URL")
    client_api_key: Annotated[str | None, Optional] = Field(None, alias="KYROS_API_KEY")

    configuration: Configuration = Field(default_factory=Configuration)
    #: The keys of the configured providers that have one, by the provider's name.
    provider_keys: dict[str, SecretStr] = Field(default_factory=dict)

    @field_validator("home", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("database_url", mode="after")
    @classmethod
    def _postgres(cls, value: str | None) -> str | None:
        if value is None:
            return None
        scheme, separator, rest = value.partition("://")
        if not separator or scheme.partition("+")[0] not in ("postgres", "postgresql"):
            raise ValueError("must begin with postgresql://")
        return f"postgresql://{rest}"

    @field_validator("redis_url", mode="after")
    @classmethod
    def _redis(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("redis://", "rediss://")):
            raise ValueError("must begin with redis:// or rediss://")
        return value

    @field_validator("public_url", mode="after")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None:
            refuse_no_address(value, "https://kyros.example.com")
        return value

    @field_validator("bootstrap_api_key", mode="after")
    @classmethod
    def _key_with_mode(cls, value: str | None) -> str | None:
        if value is None:
            return None
        prefix, _, secret = value.partition("_test_")
        if not secret:
            prefix, _, secret = value.partition("_live_")
        if prefix != "kyros" or len(secret) < _BOOTSTRAP_SECRET_LENGTH:
            raise ValueError(
                "must be kyros_test_ or kyros_live_ and 32 characters or more after it"
            )
        return value

    @field_validator("jwt_secret", "jwt_previous_secret", mode="after")
    @classmethod
    def _text(cls, value: str | None) -> str | None:
        try:
            (value or "").encode()
        except UnicodeEncodeError:
            raise ValueError("must be UTF-8") from None
        return value

    @field_validator("admin_email", mode="after")
    @classmethod
    def _email(cls, value: str) -> str:
        if not is_email(normalised(value)):
            raise ValueError("must be an e-mail address such as jo@example.com")
        return normalised(value)

    @field_validator("flower_url_prefix", mode="after")
    @classmethod
    def _path(cls, value: str | None) -> str | None:
        if value is not None and not all(
            part.isascii() and part.replace("-", "").replace("_", "").isalnum()
            for part in value.split("/")
        ):
            raise ValueError(
                "must be a path such as flower or tools/flower, without a slash around"
            )
        return value

    @field_validator("webhook_allowed_networks", mode="after")
    @classmethod
    def _networks(cls, value: str | None) -> str | None:
        for network in (value or "").split(","):
            if network.strip() not in ("", "loopback"):
                try:
                    ip_network(network.strip())
                except ValueError:
                    raise ValueError(
                        f"{network.strip()!r} is not a network such as 10.0.0.0/8, nor loopback"
                    ) from None
        return value

    @field_validator("trusted_proxies", mode="after")
    @classmethod
    def _proxies(cls, value: str | None) -> str | None:
        for network in networks(value):
            if network.prefixlen == 0:
                raise ValueError(f"{network} is everybody: anyone could then choose an address")
        return value

    @field_validator("cors_origins", mode="after")
    @classmethod
    def _origins(cls, value: str | None) -> str | None:
        for origin in listed(value):
            refuse_no_origin(origin)
        return value

    @property
    def base_url(self) -> str:
        """Where people reach this deployment."""
        return (self.public_url or f"http://{self.api_host}:{self.api_port}").rstrip("/")

    @property
    def test_mode(self) -> bool:
        """Whether the whole deployment is in test mode: no model is configured."""
        return not self.configuration.has_models

    @property
    def jwt_secrets(self) -> tuple[str, ...]:
        """The secrets that a JWT may be signed with, today's first; empty when none is set."""
        secrets = (self.jwt_secret or self.secret_key, self.jwt_previous_secret)
        return tuple(secret for secret in secrets if secret is not None)

    @property
    def jwt_weakness(self) -> str | None:
        """What is wrong with the secrets that JWTs are signed with, in one sentence."""
        signing = "KYROS_SECRET_KEY" if self.jwt_secret is None else "KYROS_JWT_SECRET"
        named = {
            signing: self.jwt_secret or self.secret_key,
            "KYROS_JWT_PREVIOUS_SECRET": self.jwt_previous_secret,
        }
        for name, secret in named.items():
            if secret is not None and (fault := weakness(secret)):
                return f"{name}: {fault}: whoever guesses it can sign JWTs."
        return None

    def required_database_url(self) -> str:
        """The database to use; raises ConfigurationError when there is none yet."""
        if self.database_url is None:
            raise ConfigurationError(_NO_STACK.format(name="DATABASE_URL", home=self.home))
        return self.database_url

    def required_redis_url(self) -> str:
        """The broker to use; raises ConfigurationError when there is none yet."""
        if self.redis_url is None:
            raise ConfigurationError(_NO_STACK.format(name="REDIS_URL", home=self.home))
        return self.redis_url


_NO_STACK = "{name} is not set and no stack has been started in {home}: start one with `kyros up`."


def load(environ: Mapping[str, str], *, with_stack: bool = True) -> Settings:
    """The settings of an environment. A variable that is set but empty counts as not set.

    A running embedded stack leaves the addresses of its Postgres and Redis in `stack.json` under
    its home, so that every command of the same home finds them; `with_stack=False`, for what
    starts a stack, takes the environment alone.

    Raises ConfigurationError with one sentence that names the setting.
    """
    named = {
        field.alias: environ[field.alias]
        for field in Settings.model_fields.values()
        if field.alias is not None and environ.get(field.alias)
    }
    try:
        settings = Settings.model_validate(named)
    except ValidationError as error:
        raise ConfigurationError(sentence(error)) from error
    stack = _read_stack(settings.home) if with_stack else {}
    found = {name: value for name, value in stack.items() if getattr(settings, name) is None}
    configuration = tables.read(settings.config_file)
    found["configuration"] = configuration
    found["provider_keys"] = _provider_keys(configuration, settings.config_file, environ)
    loaded = settings.model_copy(update=found)
    if not loaded.test_mode and (fault := loaded.jwt_weakness):
        raise ConfigurationError(fault)
    return loaded


def environment(settings: Settings) -> dict[str, str]:
    """The variables by which a process that is started gets what this one decided or made."""
    told = {
        "KYROS_HOME": settings.home,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "KYROS_SECRET_KEY": settings.secret_key,
        "KYROS_JWT_SECRET": settings.jwt_secret,
        "KYROS_JWT_PREVIOUS_SECRET": settings.jwt_previous_secret,
        "KYROS_FLOWER_PASSWORD": settings.flower_password,
        "KYROS_CONFIG": settings.config_file,
        "KYROS_WEBHOOK_ALLOWED_NETWORKS": settings.webhook_allowed_networks,
    }
    return {name: str(value) for name, value in told.items() if value is not None}


@lru_cache(maxsize=1)
def current() -> Settings:
    """The settings of this process, read once."""
    return load(os.environ)


def _read_stack(home: Path) -> dict[str, Any]:
    try:
        stack = json.loads((home / "stack.json").read_text())
    except (OSError, ValueError):
        return {}
    return {
        name: stack[name] for name in ("database_url", "redis_url", "secret_key") if name in stack
    }


def _provider_keys(
    configuration: Configuration, file: Path | None, environ: Mapping[str, str]
) -> dict[str, SecretStr]:
    folder = file.absolute().parent if file else Path()
    keys = {}
    for name, provider in configuration.providers.items():
        try:
            key = _key(provider, folder, environ)
        except ConfigurationError as error:
            raise ConfigurationError(f"KYROS_CONFIG: {file}: providers.{name}.{error}") from error
        if key is not None:
            keys[name] = SecretStr(key)
    return keys


def _key(provider: Provider, folder: Path, environ: Mapping[str, str]) -> str | None:
    if provider.api_key_env is not None:
        place, key = f"api_key_env: {provider.api_key_env}", environ.get(provider.api_key_env, "")
        missing = "is not set"
    elif provider.api_key_file is not None:
        path = folder / provider.api_key_file.expanduser()
        place, missing = f"api_key_file: {path}", "is empty"
        try:
            key = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise ConfigurationError(f"{place} can't be read: {reason}.") from error
    else:
        return None
    key = key.strip()
    if not key:
        raise ConfigurationError(f"{place} {missing}.")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ConfigurationError(f"{place} holds what no key holds: a space or an odd character.")
    return key
