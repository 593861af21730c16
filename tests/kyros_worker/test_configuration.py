"""The file of KYROS_CONFIG: what it may say, and one sentence for each thing that is wrong."""

from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic_ai.providers import infer_provider_class

from kyros_worker import settings
from kyros_worker.configuration import COMPATIBLE, KINDS
from kyros_worker.errors import ConfigurationError
from kyros_worker.model.catalog import choose
from kyros_worker.settings import PROJECT_ROOT, ROLES
from kyros_worker.words import TIERS

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
     "prices.'local:n': no tier or role has this model"),
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
    finally:
        settings.current.cache_clear()
