import pytest

from tests import webhooks
from tests.installed import schema

__all__ = ["schema"]


@pytest.fixture(autouse=True)
def no_webhooks(schema):
    webhooks.forget()
    yield
    webhooks.forget()
