import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.auth import api_key
from kyros_worker.auth.subject import PERMISSIONS, PERMISSIONS_OF, ROLES
from tests.keys import PAGE, of_page, well_formed


@given(st.sampled_from(["test", "live"]))
def test_made_keys(mode):
    key = api_key.make(mode)
    assert well_formed(key)
    assert api_key.mode_of(key) == mode
    assert len(key) == len("kyros_live_") + 32 + 6
    assert key.startswith(api_key.shown(key))
    assert len(api_key.shown(key)) == 15


@given(st.sampled_from(["test", "live"]), st.integers(0, 48), st.characters(codec="utf-8"))
def test_one_wrong_character_is_noticed(mode, at, character):
    key = api_key.make(mode)
    slipped = key[:at] + character + key[at + 1 :]
    assert well_formed(slipped) == (slipped == key)


@given(st.integers(0, 48))
def test_one_character_in_the_other_case_is_noticed(at):
    key = api_key.make("live")
    slipped = key[:at] + key[at].swapcase() + key[at + 1 :]
    assert well_formed(slipped) == (slipped == key)


@given(st.integers(0, 48), st.text("09azAZ_", max_size=3))
def test_what_is_cut_or_longer_is_noticed(length, more):
    key = api_key.make("live")
    assert not well_formed(key[:length])
    assert not well_formed(key[49 - length :] if length else "")
    assert well_formed(key + more) == (not more)


@pytest.mark.parametrize("change", [str.lower, str.upper, str.swapcase, str.title])
def test_another_case_is_noticed(change):
    assert not well_formed(change(api_key.make("test")))


def test_the_checksum_is_what_the_rule_says():
    """A scanner elsewhere reads it by this vector: crc32 of 123456789 is 0xCBF43926."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for digit in api_key._checksum("123456789"):
        number = number * 62 + digits.index(digit)
    assert number == 0xCBF43926
    assert api_key._checksum("123456789") == "3jZRME"
    assert api_key._checksum("") == "000000"


@pytest.mark.parametrize(
    ("key", "mode"),
    [("kyros_test_x", "test"), ("kyros_live_", "live"), ("kyros_prod_x", None), ("", None)],
)
def test_modes(key, mode):
    assert api_key.mode_of(key) == mode
    assert not well_formed(key)


@given(st.sampled_from(["test", "live"]), st.integers(11, 48), st.sampled_from("09azAZ"))
def test_a_scanner_finds_keys_as_the_page_says(mode, at, character):
    key = api_key.make(mode)
    slipped = key[:at] + character + key[at + 1 :]
    for found in (key, slipped):
        text = f'KEY="{found}"; {found}x x{found}'
        assert re.findall(of_page("regex").strip(), text) == [found]
        assert well_formed(found) == (found == key)


def test_the_page_tells_every_permission_and_role():
    told = {
        row[1]: row[2] for row in re.finditer(r"^\| `([a-z:]+)` \| (.*) \|$", PAGE, re.MULTILINE)
    }
    assert set(told) == {*PERMISSIONS, *ROLES}
    had: frozenset = frozenset()
    for role in ROLES[:-1]:
        had |= set(re.findall("`([a-z:]+)`", told[role]))
        assert had == PERMISSIONS_OF[role]


def test_keys_differ_and_so_do_their_hashes():
    keys = {api_key.make("live") for _ in range(100)}
    assert len(keys) == len({api_key.digest(key) for key in keys}) == 100
