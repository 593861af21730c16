import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyros_worker.oauth2.redirect_uri import fault, registered, shown, source, with_answer
from tests.look_alikes import LOOK_ALIKES

GOOD = "https://your-app.com/callback"


@pytest.mark.parametrize(
    ("uri", "confidential", "public"),
    [
        (GOOD, True, True),
        ("https://your-app.com", True, True),
        ("https://your-app.com?a=1", True, True),
        ("https://your-app.com:8443/cb?a=b@c", True, True),
        ("http://127.0.0.1/cb", True, True),
        ("http://127.0.0.1:5000/cb", True, True),
        ("http://[::1]:5000/cb", True, True),
        ("http://localhost:5000/cb", True, True),
        ("com.example.app:/cb", False, True),
        ("com.example.app://cb", False, True),
        ("http://your-app.com/callback", False, False),
        ("http://127.0.0.1.evil.example/cb", False, False),
        ("http://127.0.0.1:5000@evil.example/cb", False, False),
        ("http://127.0.0.2/cb", False, False),
        ("https://you@your-app.com/cb", False, False),
        ("https://your-app.com/cb#part", False, False),
        ("https://your-app.com/cb#", False, False),
        ("https://*.your-app.com/cb", False, False),
        ("https://your-app.com:0/cb", False, False),
        ("https://your-app.com:65536/cb", False, False),
        ("https://your-app.com/c b", False, False),
        ("https://your-app.com/cb\n", False, False),
        ("https://your-app.com/\\evil.example", False, False),
        ("https://your-äpp.com/cb", False, False),
        ('https://your-app.com/"><script>', False, False),
        ("https:///cb", False, False),
        ("https://", False, False),
        ("//your-app.com/cb", False, False),
        ("javascript:alert(1)", False, False),
        ("data:text/html,x", False, False),
        ("myapp:/cb", False, False),
        ("urn:ietf:wg:oauth:2.0:oob", False, False),
        ("", False, False),
        ("https://your-app.com/" + "a" * 2000, False, False),
    ],
)
def test_what_may_be_registered(uri, confidential, public):
    assert (fault(uri, public=False) is None) == confidential
    assert (fault(uri, public=True) is None) == public


@pytest.mark.parametrize("uri", LOOK_ALIKES)
@pytest.mark.parametrize("public", [True, False])
def test_look_alikes(uri, public):
    assert registered(GOOD, [GOOD], public=public)
    assert not registered(uri, [GOOD], public=public)


@pytest.mark.parametrize(
    ("uri", "known", "public", "is_one"),
    [
        ("http://127.0.0.1:51234/cb", "http://127.0.0.1/cb", True, True),
        ("http://127.0.0.1:51234/cb", "http://127.0.0.1:8000/cb", True, True),
        ("http://127.0.0.1/cb", "http://127.0.0.1:8000/cb", True, True),
        ("http://[::1]:51234/cb", "http://[::1]/cb", True, True),
        ("http://127.0.0.1:51234/cb", "http://127.0.0.1:8000/cb", False, False),
        ("http://127.0.0.1:8000/cb", "http://127.0.0.1:8000/cb", False, True),
        ("http://localhost:51234/cb", "http://localhost:8000/cb", True, False),
        ("http://localhost:8000/cb", "http://localhost:8000/cb", True, True),
        ("http://127.0.0.1:51234/other", "http://127.0.0.1/cb", True, False),
        ("http://[::1]:51234/cb", "http://127.0.0.1/cb", True, False),
        ("http://127.0.0.1:99999/cb", "http://127.0.0.1/cb", True, False),
        ("http://127.0.0.1:1@evil.example/cb", "http://127.0.0.1/cb", True, False),
        ("https://127.0.0.1:51234/cb", "https://127.0.0.1/cb", True, False),
        ("https://your-app.com:1/cb", "https://your-app.com/cb", True, False),
    ],
)
def test_only_a_native_application_chooses_its_port(uri, known, public, is_one):
    assert registered(uri, [known], public=public) is is_one


@pytest.mark.parametrize(
    ("uri", "place", "policy"),
    [
        (GOOD, "your-app.com", "https://your-app.com"),
        ("https://your-app.com?x=1", "your-app.com", "https://your-app.com"),
        ("https://a.example:8443/cb?x=//b.example/", "a.example:8443", "https://a.example:8443"),
        ("http://127.0.0.1:5000/cb", "127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("http://[::1]:5000/cb", "[::1]:5000", "http:"),
        ("com.example.app:/cb", "com.example.app:", "com.example.app:"),
        ("com.example.app://cb/x", "com.example.app:", "com.example.app:"),
    ],
)
def test_where_the_browser_will_go(uri, place, policy):
    assert (shown(uri), source(uri)) == (place, policy)


@pytest.mark.parametrize(
    ("uri", "answer"),
    [
        (GOOD, f"{GOOD}?code=1"),
        (f"{GOOD}?a=b%20c+d", f"{GOOD}?a=b%20c+d&code=1"),
        (f"{GOOD}?", f"{GOOD}?code=1"),
        ("com.example.app:/cb", "com.example.app:/cb?code=1"),
    ],
)
def test_its_own_query_stays(uri, answer):
    assert with_answer(uri, "code=1") == answer


BEGINNINGS = (
    "https://",
    "https://a.example",
    "https://a.example/",
    "http://127.0.0.1:",
    "http://[::1]:5000",
    "http://localhost",
    "com.example.app:",
    "com.example.app://",
)
#: What could end a header, a policy's source or a host stands among what is harmless.
PIECES = st.sampled_from([*"ab1-._~:/?@%;,' \r\n\"<>[]\\é", "%20", "%0d", "a.example", "://"])


@settings(max_examples=3_000)
@given(st.sampled_from(BEGINNINGS), st.lists(PIECES, max_size=6).map("".join), st.booleans())
def test_what_is_registered_can_stand_in_a_policy_and_a_header(beginning, rest, public):
    uri = beginning + rest
    # No `assume`: most are refused, and the search for others would take most of the time.
    if fault(uri, public=public) is None:
        assert not set(source(uri)) & set(" ;,'\r\n")
        assert registered(uri, [uri], public=public)
