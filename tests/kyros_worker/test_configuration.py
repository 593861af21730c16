"""The file of KYROS_CONFIG: what it may say, and one sentence for each thing that is wrong."""

from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic_ai.providers import infer_provider_class

from kyros_worker import settings
from kyros_worker.configuration import COMPATIBLE, KINDS
from kyros_worker.errors import ConfigurationError
from kyros_worker.model.catalog import ModelNotConfiguredError, choose, choose_in_order
from kyros_worker.model.price_check import wrong_prices
from kyros_worker.settings import PROJECT_ROOT, ROLES
from kyros_worker.words import TIERS
from tests.live_models import configured

EXAMPLE = PROJECT_ROOT / "deploy/kyros.example.toml"
KEYS = {"OPENAI_API_KEY": "sk-openai-for-tests", "LOCAL_API_KEY": "local-for-tests"}
LOCAL = '[providers.local]\nkind = "openai-compatible"\nbase_url = "http://127.0.0.1:9/v1"\n'
ECONOMY = '[models.economy]\nmodel = "local:m"\n'


def load(tmp_path: Path, text: str, **environ: str) -> settings.Settings:
    file = tmp_path / "kyros.toml"
    file.write_text(text)
    environ = {"KYROS_CONFIG": str(file), "KYROS_HOME": str(tmp_path / "home"), **environ}
    return settings.load(environ, with_stack=False)


def test_without_models_everything_is_in_test_mode(tmp_path):
    assert settings.load({"OPENAI_API_KEY": "sk-lying-about"}, with_stack=False).test_mode
    assert load(tmp_path, LOCAL).test_mode
    assert not load(tmp_path, LOCAL + ECONOMY).test_mode


def test_a_role_has_its_own_model_over_its_tiers(tmp_path):
    text = (
        LOCAL + ECONOMY + "output_tokens = 5000\ntimeout_seconds = 12.5\n"
        '[models.economy.critic]\nmodel = "local:big:latest"\noutput_tokens = 700\n'
    )
    configuration = load(tmp_path, text).configuration
    critic = configuration.chosen("critic", "economy")
    assert (critic.model, critic.output_tokens, critic.timeout_seconds) == (
        "local:big:latest", 700, 12.5,
    )  # fmt: skip
    assert configuration.chosen("implementer", "economy").model == "local:m"
    assert configuration.chosen("implementer", "premium").model is None


def test_roles_alone_are_enough(tmp_path):
    text = LOCAL + "".join(f'[models.economy.{role}]\nmodel = "local:{role}"\n' for role in ROLES)
    assert load(tmp_path, text).configuration.chosen("critic", "economy").model == "local:critic"


def in_order(configuration, role, tier="economy"):
    return configuration.chosen(role, tier).in_order


def test_fallbacks_stand_behind_their_model(tmp_path):
    text = (
        LOCAL + ECONOMY + 'fallbacks = ["local:b", "local:c"]\n'
        "[models.economy.critic]\nfallbacks = []\n"
        '[models.economy.integrator]\nmodel = "local:c"\n'
    )
    configuration = load(tmp_path, text).configuration
    assert in_order(configuration, "implementer") == ("local:m", "local:b", "local:c")
    # A role's own wins over the tier's, be it empty.
    assert in_order(configuration, "critic") == ("local:m",)
    # Those of the tier, but for the role's own model.
    assert in_order(configuration, "integrator") == ("local:c", "local:b")
    assert in_order(configuration, "critic", "premium") == ()


def test_a_fallback_may_have_a_price(tmp_path):
    text = LOCAL + ECONOMY + 'fallbacks = ["local:b"]\n[prices."local:b"]\ninput = 1\noutput = 2\n'
    assert set(load(tmp_path, text).configuration.prices) == {"local:b"}


def test_the_models_of_a_role_in_order(tmp_path):
    text = LOCAL + ECONOMY + 'fallbacks = ["local:b"]\noutput_tokens = 700\n'
    with configured(tmp_path / "kyros.toml", text):
        models = choose_in_order("critic", "economy", "live")
        assert [(model.name, model.output_limit) for model in models] == [("m", 700), ("b", 700)]
        assert models[0] == choose("critic", "economy", "live")
        assert len(choose_in_order("critic", "economy", "test")) == 1
        with pytest.raises(ModelNotConfiguredError):
            choose_in_order("critic", "premium", "live")


def test_budgets_and_the_version_of_the_prices(tmp_path):
    nothing = load(tmp_path, "").configuration
    assert (nothing.budgets.hard_limits, nothing.prices_version) == ({}, "configuration")
    assert nothing.budgets.task.at_hard_limit == "ask"
    text = (
        'prices_version = "2026-02"\n[budgets]\nday = {soft = 10.10, hard = "20"}\n'
        'key_day = {hard = 0}\n[budgets.task]\nhard = 1\nat_hard_limit = "fail"\n'
    )
    found = load(tmp_path, text).configuration
    assert found.prices_version == "2026-02"
    assert (found.budgets.day.soft, found.budgets.key_day.soft) == (Decimal("10.10"), None)
    assert found.budgets.task.at_hard_limit == "fail"
    assert found.budgets.hard_limits == {
        "budgets.task.hard": 1, "budgets.key_day.hard": 0, "budgets.day.hard": 20,
    }  # fmt: skip


@pytest.mark.parametrize("written", ['"0.20"', "0.20", '"0.2"'])
def test_prices_are_exact(tmp_path, written):
    text = LOCAL + ECONOMY + f'[prices."local:m"]\ninput = {written}\noutput = 1\n'
    price = load(tmp_path, text).configuration.prices["local:m"]
    assert (price.input, price.output, price.cached) == (Decimal("0.2"), Decimal(1), None)


def test_a_key_comes_from_the_named_variable_and_is_shown_nowhere(tmp_path):
    text = LOCAL + 'api_key_env = "MY_KEY"\n' + ECONOMY
    found = load(tmp_path, text, MY_KEY=" very-secret-key\n")
    assert found.provider_keys["local"].get_secret_value() == "very-secret-key"
    assert "very-secret" not in repr(found)
    assert "very-secret" not in found.model_dump_json()


def test_a_key_comes_from_a_file_beside_the_configuration(tmp_path):
    (tmp_path / "key").write_text("from-a-file\n")
    found = load(tmp_path, LOCAL + 'api_key_file = "key"\n' + ECONOMY)
    assert found.provider_keys["local"].get_secret_value() == "from-a-file"


WRONG = [
    ("[models.economy]\nmodel = 'gpt'\n", "models.economy.model: 'gpt' must be provider:name"),
    ("[models.economy]\nmodel = 'openai:gpt'\n", "there is no [providers.openai]"),
    (LOCAL + "[models.premium]\nmodel = 'local:m'\n",
     "models.economy: names no model for the implementer"),
    (LOCAL + "[models.economy.critic]\nmodel = 'local:m'\n",
     "models.economy: names no model for the integrator"),
    (LOCAL + ECONOMY + "[models.premium.critic]\nmodel = 'nobody:m'\n",
     "models.premium.critic.model: there is no [providers.nobody]"),
    (LOCAL + ECONOMY + "[models.economy.painter]\nmodel = 'local:m'\n", "models.economy.painter"),
    (LOCAL + ECONOMY + "output_tokens = 0\n", "models.economy.output_tokens"),
    (LOCAL + ECONOMY + "timeout_seconds = nan\n", "models.economy.timeout_seconds"),
    (LOCAL + ECONOMY + "temperature = 1\n", "models.economy.temperature"),
    (LOCAL + ECONOMY + "[prices.'local:m']\ninput = -1\noutput = 1\n", "prices.local:m.input"),
    (LOCAL + ECONOMY + "[prices.'local:m']\ninput = nan\noutput = 1\n", "prices.local:m.input"),
    (LOCAL + ECONOMY + "[prices.'local:m']\ninput = 1\n", "prices.local:m.output: Field required"),
    (LOCAL + ECONOMY + "[prices.'local:n']\ninput = 1\noutput = 1\n",
     "prices.'local:n': no tier or role has this model or fallback"),
    (LOCAL + ECONOMY + "fallbacks = 'local:n'\n", "models.economy.fallbacks: must be a list"),
    (LOCAL + ECONOMY + "fallbacks = ['n']\n",
     "models.economy.fallbacks: 'n' must be provider:name"),
    (LOCAL + ECONOMY + "fallbacks = ['nobody:n']\n",
     "models.economy.fallbacks: there is no [providers.nobody]"),
    (LOCAL + ECONOMY + "fallbacks = ['local:m']\n",
     "models.economy.fallbacks: 'local:m' is the model itself"),
    (LOCAL + ECONOMY + "fallbacks = ['local:a', 'local:a']\n",
     "models.economy.fallbacks: names 'local:a' twice"),
    (LOCAL + ECONOMY + f"fallbacks = {[f'local:{one}' for one in range(6)]}\n",
     "models.economy.fallbacks: must have at most 5 items, not 6."),
    (LOCAL + ECONOMY + "[models.economy.critic]\nfallbacks = ['local:m']\n",
     "models.economy.critic.fallbacks: 'local:m' is the model itself"),
    (LOCAL + ECONOMY + "[models.premium]\nfallbacks = ['local:a']\n",
     "models.premium.fallbacks: there is no model that they stand in for"),
    (LOCAL + ECONOMY + "[models.premium.critic]\nfallbacks = ['local:a']\n",
     "models.premium.critic.fallbacks: there is no model that they stand in for"),
    ("prices_version = 3\n", "prices_version: must be a valid string"),
    (f"prices_version = '{'x' * 65}'\n", "prices_version: must have at most 64 characters"),
    ("[budgets.week]\nsoft = 1\n", "budgets.week: is not a known key"),
    ("[budgets.day]\nat_hard_limit = 'ask'\n", "budgets.day.at_hard_limit: is not a known key"),
    ("[budgets.day]\nsoft = 2\nhard = 1\n",
     "budgets.day.hard: must not be below soft, which is 2."),
    ("[budgets.key_day]\nsoft = -1\n", "budgets.key_day.soft: must be greater than"),
    ("[budgets.key_day]\nhard = nan\n", "budgets.key_day.hard: must be a finite number"),
    ("[budgets.task]\nhard = 'much'\n", "budgets.task.hard: must be a valid decimal"),
    ("[budgets.task]\nhard = 1\nat_hard_limit = 'wait'\n",
     "budgets.task.at_hard_limit: must be 'ask' or 'fail'"),
    ("[budgets.task]\nat_hard_limit = 'fail'\n",
     "budgets.task.at_hard_limit: means nothing where `hard` is not set"),
    ("budgets = 5\n", "budgets: must be a table."),
    ("[budgets.day]\nsoft = true\n", "budgets.day.soft: must be an amount in USD"),
    ("[providers.mine]\nkind = 'nobody'\n", "mine: kind: 'nobody' is unknown"),
    ("[providers.gpt]\nbase_url = 'http://x'\n", "gpt: kind: 'gpt' is unknown"),
    ("[providers.sandbox]\nkind = 'openai'\n", "not sandbox"),
    ("[providers.'a:b']\nkind = 'openai'\n", "a provider's name is of letters"),
    ("[providers.openai]\n", "openai: api_key_env: must name the variable"),
    ("[providers.local]\nkind = 'openai-compatible'\n", "local: base_url: must be set"),
    ("[providers.openai]\napi_key = 'sk-123'\n", "providers.openai.api_key"),
    ("[providers.openai]\napi_key_env = 'A'\napi_key_file = 'B'\n", "both api_key_env and"),
    ("[providers.openai]\napi_key_env = 'UNSET_KEY'\n",
     "providers.openai.api_key_env: UNSET_KEY is not set."),
    ("[providers.openai]\napi_key_file = 'missing'\n", "can't be read: No such file"),
    *[(f"[providers.local]\nkind = 'openai-compatible'\nbase_url = '{url}'\n",
       "providers.local.base_url")
      for url in ("127.0.0.1:8000/v1", "ftp://x/v1", "http://", "http://x:99999999", "http://a b",
                  "http://user:pw@x/v1", "http://x/v1?key=1")],
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), WRONG, ids=lambda value: value[-50:])
def test_a_wrong_file_stops_the_start_with_a_sentence(tmp_path, text, words):
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    sentence = str(caught.value)
    assert sentence.startswith(f"KYROS_CONFIG: {tmp_path / 'kyros.toml'}")
    assert words in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_wrong_key_is_not_shown(tmp_path):
    text = LOCAL + 'api_key_env = "MY_KEY"\n' + ECONOMY
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text, MY_KEY="two words")
    assert "two" not in str(caught.value)


@pytest.mark.parametrize("kind", sorted({*KINDS} - {COMPATIBLE}))
def test_pydantic_ai_knows_every_kind(kind):
    # The library of a provider may be missing; an unknown one raises ValueError.
    with suppress(ImportError):
        infer_provider_class(kind)


def test_the_example_is_a_whole_configuration(monkeypatch):
    monkeypatch.setenv("KYROS_CONFIG", str(EXAMPLE))
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)
    settings.current.cache_clear()
    try:
        found = settings.current()
        assert set(found.provider_keys) == {"openai", "local"}
        for tier in TIERS:
            for role in ROLES:
                assert choose(role, tier, "live").provider in found.configuration.providers
        assert wrong_prices(found.configuration) == []
        assert len(found.configuration.budgets.hard_limits) == 3
        assert len(found.configuration.rules) == 5
    finally:
        settings.current.cache_clear()


def test_rate_limits(tmp_path):
    found = load(tmp_path, "").configuration.rate_limits
    assert (found.requests_per_minute, found.failed_sign_ins) == (6000, 20)
    assert found.failed_sign_in_minutes == 15
    text = "[rate_limits]\nrequests_per_minute = 0\nfailed_sign_in_minutes = 60\n"
    found = load(tmp_path, text).configuration.rate_limits
    assert (found.requests_per_minute, found.failed_sign_in_minutes) == (0, 60)


@pytest.mark.parametrize(
    "line",
    ["requests_per_minute = -1", "requests_per_minute = 1.5", "failed_sign_in_minutes = 0",
     "failed_sign_ins = -1", "requests_per_hour = 5"],
)  # fmt: skip
def test_wrong_rate_limits(tmp_path, line):
    name = line.partition(" ")[0]
    with pytest.raises(ConfigurationError, match=rf"KYROS_CONFIG: .*: rate_limits\.{name}: "):
        load(tmp_path, f"[rate_limits]\n{line}\n")
