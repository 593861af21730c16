"""The TOML file of `KYROS_CONFIG`: what is a table rather than a value.

Workflows, the models that answer live work, escalation rules, prices and budgets. No key of a
provider stands in the file, so that it may be kept with the code and shown to anybody: it names the
variable or the file that holds it.
"""

import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, field_validator, model_validator

from kyros_worker.alert_rules import AlertRules
from kyros_worker.budgets import Budgets
from kyros_worker.errors import ConfigurationError
from kyros_worker.rate_limits import RateLimits
from kyros_worker.rules import DEFAULT_RULES, Requests, Rule, twice_named
from kyros_worker.toml_table import TomlTable, Usd, sentence
from kyros_worker.web_address import refuse_no_address
from kyros_worker.webhook_times import WebhookTimes
from kyros_worker.words import ROLES, TIERS, Role, Tier

COMPATIBLE = "openai-compatible"
#: The providers that pydantic-ai names, and any server that speaks OpenAI's chat protocol.
KINDS = (
    COMPATIBLE, "alibaba", "anthropic", "azure", "azure-responses", "bedrock", "cerebras", "cohere",
    "crusoe", "deepseek", "fireworks", "github", "google", "google-cloud", "groq", "heroku",
    "huggingface", "litellm", "meta", "mistral", "moonshotai", "nebius", "ollama", "openai",
    "openai-chat", "openai-responses", "openrouter", "ovhcloud", "sambanova", "snowflake",
    "together", "vercel", "vllm", "xai", "zai",
)  # fmt: skip
#: Servers of one's own, which all speak OpenAI's chat protocol: opened in the same way.
OWN_SERVERS = frozenset({COMPATIBLE, "litellm", "ollama", "vllm"})
#: These may need no key, or take one from where their cloud keeps it.
_KEYLESS = OWN_SERVERS | {"bedrock", "google-cloud", "snowflake"}

_DEFAULT_WORKFLOWS: dict[str, tuple[Role, ...]] = {
    "implementation": ("implementer", "critic", "integrator"),
    "review": ("critic",),
    "deployment": ("integrator",),
}


class Provider(TomlTable):
    """Where models are called, and where the key for it lies."""

    #: One of KINDS; the provider's own name in the file when left out.
    kind: str = ""
    base_url: str | None = None
    #: The name of the environment variable that holds the key.
    api_key_env: str | None = Field(None, min_length=1)
    #: A file that holds the key; relative to the configuration file.
    api_key_file: Path | None = None
    #: Whether answers are asked for as a JSON schema; left out: wherever the provider can.
    json_schema: bool | None = None
    #: Whether answers are streamed; false for a server that can't, or that then counts no tokens.
    stream: bool = True
    #: What else pydantic-ai's provider takes, by its own names (`region_name`, `api_version`).
    options: dict[str, str | bool | int] = Field(default_factory=dict)

    @field_validator("base_url", mode="after")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None:
            refuse_no_address(value, "https://models.example.com/v1")
        return value

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.api_key_env is not None and self.api_key_file is not None:
            raise ValueError("names both api_key_env and api_key_file; one of them holds the key")
        return self


class Choice(TomlTable):
    """A model for a tier or a role; what is left out is the tier's, then the default."""

    #: `provider:name`.
    model: str | None = None
    #: The most tokens that a call is told to answer with.
    output_tokens: int | None = Field(None, ge=1, le=1_000_000)
    #: How long one call may take.
    timeout_seconds: float | None = Field(None, gt=0, le=3600, allow_inf_nan=False)
    #: Who answers, in this order, while the model before can't; each as `provider:name`.
    fallbacks: tuple[str, ...] | None = Field(None, max_length=5)

    @property
    def in_order(self) -> tuple[str, ...]:
        """The model and its fallbacks, each once; empty where no model is named."""
        if self.model is None:
            return ()
        return tuple(dict.fromkeys((self.model, *(self.fallbacks or ()))))


class TierChoice(Choice):
    """A tier's model, and what single roles have instead."""

    implementer: Choice = Choice()
    critic: Choice = Choice()
    integrator: Choice = Choice()

    @property
    def has_a_roles_own(self) -> bool:
        """Whether any role has a model of its own."""
        return any(getattr(self, role).model is not None for role in ROLES)

    def of(self, role: Role) -> Choice:
        """What counts for a role: its own over the tier's."""
        own: Choice = getattr(self, role)
        return Choice.model_validate(
            {
                name: getattr(self, name) if getattr(own, name) is None else getattr(own, name)
                for name in Choice.model_fields
            }
        )


class Models(TomlTable):
    """Which model answers, by tier and role."""

    economy: TierChoice = TierChoice()
    premium: TierChoice = TierChoice()


class Price(TomlTable):
    """Prices in USD per million tokens; thinking is output."""

    input: Usd
    output: Usd
    #: Of input read from a cache; the same as `input` when left out.
    cached: Usd | None = None
    #: Of input written to a cache; the same as `input` when left out.
    cache_write: Usd | None = None


class Configuration(TomlTable):
    """All tables of the file, checked against each other."""

    #: Which roles work on a type of task, in order. A type not named here is done by one role.
    workflows: dict[str, tuple[Role, ...]] = Field(default_factory=lambda: dict(_DEFAULT_WORKFLOWS))
    providers: dict[str, Provider] = Field(default_factory=dict)
    models: Models = Models()
    #: By `provider:name`, before the list prices of `genai-prices`.
    prices: dict[str, Price] = Field(default_factory=dict)
    #: Your name for this table of prices, kept with each call that they priced.
    prices_version: str = Field("configuration", min_length=1, max_length=64)
    #: When premium takes over, the first that matches; those of the file replace the defaults.
    rules: tuple[Rule, ...] = DEFAULT_RULES
    requests: Requests = Requests()
    budgets: Budgets = Budgets()
    rate_limits: RateLimits = RateLimits()
    webhooks: WebhookTimes = WebhookTimes()
    alerts: AlertRules = AlertRules()

    @field_validator("workflows", mode="after")
    @classmethod
    def _complete(cls, value: dict[str, tuple[Role, ...]]) -> dict[str, tuple[Role, ...]]:
        for task_type, roles in value.items():
            if not roles:
                raise ValueError(f"the workflow of {task_type!r} names no role")
            if len(set(roles)) != len(roles):
                raise ValueError(f"the workflow of {task_type!r} names a role twice")
        return value

    @field_validator("providers", mode="after")
    @classmethod
    def _kinds(cls, value: dict[str, Provider]) -> dict[str, Provider]:
        named = {name: one.model_copy(update={"kind": one.kind or name})
                 for name, one in value.items()}  # fmt: skip
        for name, provider in named.items():
            if (wrong := _wrong_provider(name, provider)) is not None:
                raise ValueError(f"{name}: {wrong}")
        return named

    @field_validator("rules", mode="after")
    @classmethod
    def _own_names(cls, value: tuple[Rule, ...]) -> tuple[Rule, ...]:
        if (name := twice_named(value)) is not None:
            raise ValueError(f"two of them are called {name!r}")
        return value

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        wrong = [*self._wrong_models(), *self._wrong_prices()]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def has_models(self) -> bool:
        """Whether any model is named, on any tier."""
        return any(self.chosen(role, tier).model for tier in TIERS for role in ROLES)

    def chosen(self, role: Role, tier: Tier) -> Choice:
        """What is configured for a role on a tier; its `model` is None where none is named."""
        named: TierChoice = getattr(self.models, tier)
        return named.of(role)

    def _wrong_models(self) -> Iterator[str]:
        for tier in TIERS:
            named: TierChoice = getattr(self.models, tier)
            places = {f"models.{tier}": named} | {
                f"models.{tier}.{role}": getattr(named, role) for role in ROLES
            }
            for place, choice in places.items():
                if choice.model is not None:
                    yield from self._wrong_model(f"{place}.model", choice.model)
                yield from self._wrong_fallbacks(f"{place}.fallbacks", choice, named)
        if self.has_models:
            for role in ROLES:
                if self.chosen(role, "economy").model is None:
                    yield f"models.economy: names no model for the {role}"

    def _wrong_fallbacks(self, place: str, choice: Choice, tier: TierChoice) -> Iterator[str]:
        fallbacks = choice.fallbacks or ()
        model = choice.model or tier.model
        if fallbacks and model is None and not (choice is tier and tier.has_a_roles_own):
            yield f"{place}: there is no model that they stand in for"
        for position, fallback in enumerate(fallbacks):
            yield from self._wrong_model(place, fallback)
            if fallback == model:
                yield f"{place}: {fallback!r} is the model itself"
            elif fallback in fallbacks[:position]:
                yield f"{place}: names {fallback!r} twice"

    def _wrong_model(self, place: str, model: str) -> Iterator[str]:
        provider, colon, name = model.partition(":")
        if not (provider and colon and name.strip()):
            yield f"{place}: {model!r} must be provider:name, like openai:gpt-5-mini"
        elif provider not in self.providers:
            yield f"{place}: there is no [providers.{provider}] for {model!r}"

    def _wrong_prices(self) -> Iterator[str]:
        choices = (self.chosen(role, tier) for tier in TIERS for role in ROLES)
        used = {model for choice in choices for model in choice.in_order}
        for model in self.prices:
            if model not in used:
                yield f"prices.{model!r}: no tier or role has this model or fallback"


def _wrong_provider(name: str, provider: Provider) -> str | None:
    if not name.replace("-", "").replace("_", "").isalnum() or name == "sandbox":
        return "a provider's name is of letters, digits, - and _, and not sandbox"
    kind = provider.kind
    if kind not in KINDS:
        return f"kind: {kind!r} is unknown; there are {', '.join(KINDS)}"
    if kind in OWN_SERVERS and provider.base_url is None:
        return f"base_url: must be set for {kind}"
    if kind not in _KEYLESS and provider.api_key_env is None and provider.api_key_file is None:
        return f"api_key_env: must name the variable that holds the key for {kind}"
    return None


def read(path: Path | None, setting: str = "KYROS_CONFIG") -> Configuration:
    """The configuration of a file; the defaults without one.

    Raises ConfigurationError with one sentence that names the setting which named the file.
    """
    if path is None:
        return Configuration()
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise ConfigurationError(f"{setting}: {path} can't be read: {error.strerror}.") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{setting}: {path} is not valid TOML: {error}.") from error
    if isinstance(tables.get("workflows"), dict):
        tables["workflows"] = {**_DEFAULT_WORKFLOWS, **tables["workflows"]}
    try:
        return Configuration.model_validate(tables)
    except ValidationError as error:
        raise ConfigurationError(f"{setting}: {path}: {sentence(error, tables)}") from error
