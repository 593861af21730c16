import os

import pytest

from kyros_worker import settings
from kyros_worker.command.doctor import doctor
from kyros_worker.command.serve import worker
from kyros_worker.command.up import up
from kyros_worker.errors import ConfigurationError
from kyros_worker.model.price_check import require_prices, wrong_prices

LOCAL = '[providers.local]\nkind = "openai-compatible"\nbase_url = "http://127.0.0.1:9/v1"\n'
OPENAI = '[providers.openai]\napi_key_env = "OPENAI_API_KEY"\n'
ECONOMY = '[models.economy]\nmodel = "local:small"\n'
PREMIUM = '[models.premium]\nmodel = "local:big"\n'
FREE = '[prices."local:{}"]\ninput = 0\noutput = 0\n'
HARD = "[budgets.key_day]\nhard = 5\n"

NO_BIG = (
    'prices."local:big": must be set, for it is of the premium tier and no public list has its '
    "price"
)


def loaded(tmp_path, *parts):
    file = tmp_path / "kyros.toml"
    file.write_text("".join(parts))
    environ = {"KYROS_CONFIG": str(file), "OPENAI_API_KEY": "sk-openai-for-tests"}
    return settings.load({**environ, "KYROS_HOME": str(tmp_path / "home")}, with_stack=False)


@pytest.mark.parametrize(("parts", "missing"), [
    ([], []),
    ([HARD], []),
    ([LOCAL, ECONOMY], []),
    ([LOCAL, ECONOMY, PREMIUM], ["local:big"]),
    ([LOCAL, ECONOMY, PREMIUM, FREE.format("big")], []),
    ([LOCAL, OPENAI, ECONOMY, '[models.premium]\nmodel = "openai:gpt-5"\n'], []),
    ([LOCAL, OPENAI, ECONOMY, '[models.premium]\nmodel = "openai:no-such"\n'], ["openai:no-such"]),
    # A price by the model's name alone would be a stranger's.
    ([LOCAL, ECONOMY, '[models.premium]\nmodel = "local:gpt-5"\n'], ["local:gpt-5"]),
    ([LOCAL, ECONOMY, 'fallbacks = ["local:spare"]\n'], []),
    ([LOCAL, ECONOMY, PREMIUM, 'fallbacks = ["local:spare"]\n', FREE.format("big")],
     ["local:spare"]),
    ([LOCAL, ECONOMY, '[models.premium.critic]\nmodel = "local:judge"\n'], ["local:judge"]),
    # The same model on both tiers is told once.
    ([LOCAL, ECONOMY, '[models.premium]\nmodel = "local:small"\n', HARD], ["local:small"]),
    ([LOCAL, ECONOMY, HARD], ["local:small"]),
    ([LOCAL, ECONOMY, "[budgets.day]\nsoft = 5\n"], []),
    ([LOCAL, ECONOMY, 'fallbacks = ["local:spare"]\n', HARD, FREE.format("small")],
     ["local:spare"]),
    ([LOCAL, ECONOMY, PREMIUM, HARD], ["local:big", "local:small"]),
])  # fmt: skip
def test_which_prices_are_missing(tmp_path, parts, missing):
    found = wrong_prices(loaded(tmp_path, *parts).configuration)
    assert [sentence.partition(": must be set")[0] for sentence in found] == [
        f'prices."{model}"' for model in missing
    ]


def test_the_sentence_names_the_setting_and_the_reason(tmp_path):
    found = loaded(tmp_path, LOCAL, ECONOMY, PREMIUM, HARD)
    with pytest.raises(ConfigurationError) as caught:
        require_prices(found)
    assert str(caught.value) == (
        f"KYROS_CONFIG: {tmp_path / 'kyros.toml'}: {NO_BIG}; "
        'prices."local:small": must be set, for budgets.key_day.hard is set and no public list '
        "has its price."
    )
    require_prices(loaded(tmp_path, LOCAL, ECONOMY))


@pytest.fixture
def unpriced(tmp_path, monkeypatch):
    found = loaded(tmp_path, LOCAL, ECONOMY, PREMIUM)
    monkeypatch.setenv("KYROS_CONFIG", str(found.config_file))
    monkeypatch.setenv("KYROS_HOME", str(tmp_path / "home"))
    settings.current.cache_clear()
    yield tmp_path / "home"
    settings.current.cache_clear()


@pytest.mark.parametrize("start", [lambda: up(detach=True), lambda: worker("critic")])
def test_a_missing_price_stops_the_start(unpriced, start):
    with pytest.raises(ConfigurationError, match="must be set, for it is of the premium tier"):
        start()
    assert not unpriced.exists()


def test_the_doctor_tells_a_missing_price(unpriced, capsys):
    assert doctor(os.environ) == 1
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "  prices: " in one]
    assert line.startswith("FAIL  prices: KYROS_CONFIG: ")
    assert NO_BIG in line
