import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.auth import api_key


@given(st.sampled_from(["test", "live"]))
def test_made_keys(mode):
    key = api_key.make(mode)
    assert api_key.well_formed(key)
    assert api_key.mode_of(key) == mode
    assert len(key) == len("kyros_live_") + 32 + 6
    assert key.startswith(api_key.shown(key))
    assert len(api_key.shown(key)) == 15


@given(st.integers(0, 48), st.sampled_from("0Az_"))
def test_a_slip_of_the_pen_is_noticed(at, character):
    key = api_key.make("live")
    slipped = key[:at] + character + key[at + 1 :]
    assert api_key.well_formed(slipped) == (slipped == key)


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
    assert not api_key.well_formed(key)


def test_keys_differ_and_so_do_their_hashes():
    keys = {api_key.make("live") for _ in range(100)}
    assert len(keys) == len({api_key.digest(key) for key in keys}) == 100
