import pytest

from kyros_worker.settings import current
from kyros_worker.webhook import allowed
from kyros_worker.webhook.address import refusal_of_url


@pytest.fixture
def named(monkeypatch):
    """What these settings allow."""

    def named(**settings):
        changed = current().model_copy(update=settings)
        monkeypatch.setattr(allowed, "current", lambda: changed)
        allowed.allowed.cache_clear()
        return allowed.allowed()

    yield named
    allowed.allowed.cache_clear()


def test_loopback_may_be_called_but_its_answers_are_not_shown(named):
    named(webhook_allowed_networks="loopback")
    may = allowed.allowed()
    assert refusal_of_url("http://127.0.0.1:5000/", may.networks, may.own) is None
    assert not allowed.is_shown("127.0.0.1")


def test_the_answers_of_named_networks_are_shown(named):
    named(webhook_allowed_networks="10.0.0.0/8, loopback")
    assert allowed.is_shown("10.1.2.3")
    assert not allowed.is_shown("127.0.0.1")
    assert not allowed.is_shown(None)


def test_nothing_private_may_be_called_by_default(named):
    may = named(webhook_allowed_networks=None)
    assert may.networks == may.shown == ()


@pytest.mark.parametrize(
    ("url", "is_refused"),
    [
        ("http://10.0.0.7:5433/", True),
        ("http://10.0.0.8:6379/", True),
        ("http://10.0.0.7:6379/", False),
        ("http://10.0.0.9:5433/", False),
        ("http://127.0.0.1:5433/", True),
    ],
)
def test_stores_on_other_machines_are_never_called(named, url, is_refused):
    may = named(
        webhook_allowed_networks="10.0.0.0/8,loopback",
        database_url="postgresql://kyros@10.0.0.7:5433/kyros",
        redis_url="redis://10.0.0.8/0",
    )
    assert (refusal_of_url(url, may.networks, may.own) is not None) == is_refused


def test_a_store_whose_name_is_unknown_refuses_nothing_else(named):
    may = named(
        redis_url="redis://no-such-host.invalid:7000/0", webhook_allowed_networks="loopback"
    )
    assert refusal_of_url("http://127.0.0.1:5000/", may.networks, may.own) is None
