from urllib.parse import quote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.dashboard.next_path import next_path


@pytest.mark.parametrize(
    "wanted",
    [
        "/", "/settings/api-keys", "/settings/api-keys?mode=test", "/tasks/task_1234567890123/",
        "/auth/oauth2/authorize?redirect_uri=https%3A%2F%2Fclient.example%2Fdone&state=a%2Fb",
        "/search?q=//evil.example", "/" + "a" * 4093,
    ],
)  # fmt: skip
def test_pages_of_this_site(wanted):
    assert next_path(wanted) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        None, "", "evil", "//evil.example", "///evil.example", "/\\evil.example",
        "\\\\evil.example",
        "https:evil.example", "https://evil.example", "javascript:alert(1)", " /settings",
        "/ /evil",
        "/\t/evil.example", "/\n/evil.example", "/\r\nSet-Cookie:a=b", "/\x00", "/a\x7f", "/é",
        "/%2F/evil.example", "/%2fevil.example", "/%5Cevil.example", "/%255Cevil.example",
        "/%252Fevil.example", "/%25252525252Fevil.example", "/%09/evil.example", "/%0d%0aX:y",
        "/./%2Fevil.example", "/.//evil.example", "/..//evil.example", "/a/../..//evil.example",
        "/%2e%2e/a", "/a#b", "/a//b", "/sign-in", "/sign-in/", "/sign-in?next=/", "/sign-out",
        "/%73ign-out", "/" + "a" * 4094, "/a?b\\c", "/a?b\nc", "?next=/", "/@evil.example/..",
    ],
)  # fmt: skip
def test_anything_else_is_the_start(wanted):
    assert next_path(wanted) == "/"


_TRICKY = st.text(st.sampled_from("/\\:@?#.%25cCfFeE\t\n a"), max_size=12)


@given(st.one_of(_TRICKY, _TRICKY.map(lambda text: f"/{text}"), st.text(), st.text().map(quote)))
def test_it_never_leads_away(wanted):
    found = urlsplit(urljoin("https://kyros.example/sign-in", next_path(wanted)))
    assert (found.scheme, found.netloc) == ("https", "kyros.example")
    assert not next_path(wanted).startswith("//")
