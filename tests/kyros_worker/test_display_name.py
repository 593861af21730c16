import pytest

from kyros_worker.display_name import name_fault

OVERRIDE, NO_BREAK, FILLER = "\u202e", "\u00a0", "\u3164"


@pytest.mark.parametrize(
    "name",
    ["a", "x" * 100, "Jo Müller", "配置 CI", "עברית", "a.b/c", "❤\ufe0f", "🚀", FILLER + "a"],
)
def test_good_ones(name):
    assert name_fault(name) is None


@pytest.mark.parametrize(
    "name",
    ["", "x" * 101, " ", " a", "a ", "a\nb", "a\x00", "\x1b[31mred", f"a{OVERRIDE}b", "a\u200bb",
     f"a{NO_BREAK}b", "a\u2028b", "\ud800", "\ufeff"],
)  # fmt: skip
def test_what_is_not_printed_as_it_is(name):
    assert name_fault(name) == "must be 1 to 100 printable characters, without a space around them"


@pytest.mark.parametrize("name", [FILLER, "\u2800\u2800", "\ufe0f", "\u115f \uffa0"])
def test_what_nobody_sees(name):
    assert name_fault(name) == "must hold something to be seen"
