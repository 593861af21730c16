"""Opening configured models; nothing here sends a request."""

import asyncio
import os

import pytest

from kyros_worker.model import providers
from kyros_worker.model.catalog import ModelNotConfiguredError, choose, nobody
from tests.live_models import KEY, configured

OPENAI = """
[providers.openai]
api_key_env = "SCRIPTED_KEY"
[providers.mine]
kind = "openai-chat"
api_key_env = "SCRIPTED_KEY"
[models.economy]
model = "openai:gpt-5-mini"
[models.economy.critic]
model = "openai:gpt-5"
[models.economy.integrator]
model = "mine:gpt-5"
"""


@pytest.fixture
def opened(tmp_path):
    def open_it(role, text=OPENAI, **environ):
        with configured(tmp_path / "kyros.toml", text, **environ):
            return asyncio.run(providers.opened(choose(role, "economy", "live")))

    return open_it


def test_a_key_goes_nowhere_but_where_the_configuration_says(opened):
    model = opened("implementer", OPENAI_BASE_URL="http://127.0.0.1:9", OPENAI_API_KEY="sk-other")
    assert str(model.client.base_url) == "https://api.openai.com/v1/"
    assert model.client.api_key == KEY
    assert type(model).__name__ == "OpenAIResponsesModel"


def test_the_models_of_a_provider_share_its_connections(tmp_path):
    with configured(tmp_path / "kyros.toml", OPENAI):
        first, second, other = (
            asyncio.run(providers.opened(choose(role, "economy", "live")))
            for role in ("implementer", "critic", "integrator")
        )
        again = asyncio.run(providers.opened(choose("implementer", "economy", "live")))
    assert again is first
    assert first.client is second.client
    assert other.client is not first.client
    assert type(other).__name__ == "OpenAIChatModel"


def test_a_model_that_is_configured_no_more(tmp_path):
    with configured(tmp_path / "kyros.toml", OPENAI), pytest.raises(ModelNotConfiguredError):
        asyncio.run(providers.opened(nobody("economy")))


def test_a_base_url_that_the_provider_does_not_take(opened):
    text = OPENAI.replace("[providers.openai]", '[providers.openai]\nkind = "deepseek"\n'
                          'base_url = "http://127.0.0.1:9/v1"')  # fmt: skip
    with pytest.raises(ModelNotConfiguredError, match="takes no base_url; use openai-compatible"):
        opened("implementer", text)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_opens_models_of_its_own(tmp_path):
    with configured(tmp_path / "kyros.toml", OPENAI):
        asyncio.run(providers.opened(choose("critic", "economy", "live")))
        child = os.fork()
        if child == 0:  # pragma: no cover - in the child
            os._exit(len(providers._models) + len(providers._clients))
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
