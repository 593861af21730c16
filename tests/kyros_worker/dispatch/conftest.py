"""What the tests of the dispatcher share."""

import pytest
from redis import Redis


@pytest.fixture
def redis(redis_url):
    """An empty Redis."""
    with Redis.from_url(redis_url, decode_responses=True) as found:
        found.flushdb()
        yield found
