"""The token endpoints behind a real server."""

import httpx
import pytest
import redis

from api import windows


@pytest.fixture(autouse=True)
def no_failures(redis_url):
    """No sign-in has failed from here yet."""
    store = redis.from_url(redis_url)
    if found := list(store.scan_iter("*failed-sign-in*")):
        store.delete(*found)


@pytest.fixture
def web(server):
    with httpx.Client(base_url=f"http://{server[0]}:{server[1]}") as client:
        yield client


@pytest.fixture
def still(app, monkeypatch):
    """As `web`, in this process, where no quarter of an hour turns in the midst of a test."""
    monkeypatch.setattr(windows, "time", lambda: 1e9)
    here = httpx.WSGITransport(app)
    with httpx.Client(transport=here, base_url="http://localhost") as client:
        yield client


@pytest.fixture
def application(new_application):
    return new_application()


@pytest.fixture
def user(new_user):
    return new_user("developer")
