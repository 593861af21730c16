import pytest

from tests.installed import schema
from tests.webhooks import no_webhooks

__all__ = ["no_webhooks", "schema"]


@pytest.fixture(autouse=True)
def _no_webhooks(no_webhooks):
    """Each test begins without any, and leaves none."""
