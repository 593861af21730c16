import subprocess
import sys

import pytest

from kyros_worker.errors import InvalidError
from kyros_worker.model.catalog import TIERS, ModelNotConfiguredError, choose
from kyros_worker.settings import ROLES


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("tier", TIERS)
def test_test_mode_runs_on_the_sandbox(role, tier):
    model = choose(role, tier, "test")
    assert (model.provider, model.name, model.tier) == ("sandbox", f"sandbox-{tier}", tier)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("tier", TIERS)
def test_live_mode_without_a_model_says_what_to_set(role, tier):
    with pytest.raises(ModelNotConfiguredError) as caught:
        choose(role, tier, "live")
    assert isinstance(caught.value, InvalidError)
    assert (caught.value.status, caught.value.code) == (422, "model_not_configured")
    assert role in caught.value.message
    assert "KYROS_CONFIG" in caught.value.message


def test_choosing_pricing_and_steering_load_no_model_library():
    """The API process does all three, and pydantic-ai takes most of a second to import."""
    code = (
        "import sys, kyros_worker.model.catalog, kyros_worker.model.steering, "
        "kyros_worker.model.prices, kyros_worker.agent.answers, kyros_worker.agent.prompt, "
        "kyros_worker.agent.reading; sys.exit('pydantic_ai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
