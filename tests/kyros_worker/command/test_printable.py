import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.command.printable import block, columns, indented, line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünï漢 ✓", "plain, ünï漢 ✓"),
        ("a\x1b[31mred\x1b]0;title\x07", "a\\x1b[31mred\\x1b]0;title\\x07"),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
        ("over\rwritten\x7f\x9b2J", "over\\x0dwritten\\x7f\\x9b2J"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("lone \ud800", "lone \\ud800"),
        ("a\r\n\tb\n", "a\n\tb\n"),
    ],
)
def test_what_would_act_is_shown_as_its_escape(text, shown):
    assert block(text) == shown


def test_a_line_has_no_line_breaks():
    assert line(" a\n\tb\u2028c ") == "a b c"


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [("abcdef", 6, "abcdef"), ("abcdef", 5, "abcd…"), ("漢字漢", 5, "漢字…"), ("漢字漢", 4, "漢…")],
)
def test_a_line_is_cut_to_columns(text, width, shown):
    assert line(text, width) == shown
    assert columns(shown) <= width


@given(st.text(st.characters(exclude_categories=[])), st.integers(1, 40))
def test_a_line_never_acts_and_never_is_too_wide(text, width):
    shown = line(text, width)
    assert columns(shown) <= width
    shown.encode()
    assert not any(ord(one) < 0x20 or 0x7F <= ord(one) < 0xA0 for one in shown)


def test_a_block_is_indented_line_by_line():
    assert indented("a\n\nb\x1b", "  ") == "  a\n\n  b\\x1b"
