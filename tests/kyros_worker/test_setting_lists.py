"""Settings that are lists, and the sentence that stops the start where one is wrong."""

import pytest

from kyros_worker import settings
from kyros_worker.errors import ConfigurationError
from kyros_worker.setting_lists import listed, networks


def load(**environ):
    return settings.load(environ, with_stack=False)


def test_lists():
    assert listed(None) == listed("") == listed(" , ") == ()
    assert listed("a, b,c") == ("a", "b", "c")
    assert [str(one) for one in networks("10.0.0.0/8, ::1")] == ["10.0.0.0/8", "::1/128"]


@pytest.mark.parametrize(
    "good",
    ["https://example.com", "http://localhost:3000, https://a.example.com", "http://[::1]:8080"],
)
def test_origins(good):
    assert load(KYROS_CORS_ORIGINS=good).cors_origins == good


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("*", "name each origin"),
        ("https://example.com, *", "name each origin"),
        ("https://*.example.com", "not an origin"),
        ("null", "not an origin"),
        ("example.com", "not an origin"),
        ("ftp://example.com", "not an origin"),
        ("https://", "not an origin"),
        ("https://example.com:x", "not an origin"),
        ("https://exämple.com", "not an origin"),
        ("https://example.com/", "write https://example.com."),
        ("https://example.com/app", "write https://example.com."),
        ("https://Example.com", "write https://example.com."),
        ("https://example.com:443", "write https://example.com."),
        ("https://user:word@example.com", "write https://example.com."),
    ],
)
def test_wrong_origins(wrong, words):
    with pytest.raises(ConfigurationError, match="KYROS_CORS_ORIGINS") as raised:
        load(KYROS_CORS_ORIGINS=wrong)
    assert words in str(raised.value)


@pytest.mark.parametrize("wrong", ["10.0.0.1/8", "proxy", "0.0.0.0/0", "10.0.0.0/8, ::/0", "*"])
def test_wrong_proxies(wrong):
    with pytest.raises(ConfigurationError, match="KYROS_TRUSTED_PROXIES"):
        load(KYROS_TRUSTED_PROXIES=wrong)


@pytest.mark.parametrize("wrong", ["0", "-1", "601", "inf", "nan", "soon"])
def test_wrong_request_seconds(wrong):
    with pytest.raises(ConfigurationError, match="KYROS_REQUEST_SECONDS"):
        load(KYROS_REQUEST_SECONDS=wrong)
