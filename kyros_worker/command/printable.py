"""Strangers' text made fit for a terminal: nothing in it acts, all of it can be seen (pure)."""

import re
import unicodedata

#: Control characters but for tab and newline; lone surrogates, which no output can encode; what
#: turns the direction of the text around it; and the separators that end a line unasked.
_ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_WIDE = ("F", "W")


def block(text: str) -> str:
    r"""The text with its lines; what would act on a terminal stands as its escape, `\x1b`."""
    return _ACTING.sub(_escape, text.replace("\r\n", "\n"))


def line(text: str, width: int | None = None) -> str:
    """The text in one line, at most `width` columns wide."""
    whole = block(" ".join(text.split()))
    if width is None or columns(whole) <= width:
        return whole
    cut = ""
    room = max(width, 1) - 1
    for character in whole:
        room -= columns(character)
        if room < 0:
            break
        cut += character
    return f"{cut}…"


def columns(text: str) -> int:
    """How many columns of a terminal a line takes."""
    return sum(_character_columns(character) for character in text)


def indented(text: str, by: str) -> str:
    """A block with `by` before each of its lines."""
    return "\n".join(f"{by}{one}".rstrip() for one in block(text).split("\n"))


def _character_columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - one byte
