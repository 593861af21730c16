"""What the tests of tasks share."""

import pytest

from tests.live_models import configured


@pytest.fixture
def no_rules(tmp_path):
    """The workflow by itself: no rule ever escalates."""
    with configured(tmp_path / "no-rules.toml", "rules = []\n"):
        yield
