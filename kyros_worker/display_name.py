"""Names that people give: to keys, to applications, to themselves. Pure.

Others decide by them, so none may look empty, or be able to write a line backwards.
"""

import unicodedata

MAX_NAME_LENGTH = 100

#: Letters and symbols that show nothing.
_BLANK = "\u115f\u1160\u2800\u3164\uffa0"
_SEEN = ("L", "N", "P", "S")


def name_fault(name: str) -> str | None:
    """What a name must be and is not; None for a good one."""
    if 1 <= len(name) <= MAX_NAME_LENGTH and name == name.strip() and name.isprintable():
        if any(unicodedata.category(one)[0] in _SEEN and one not in _BLANK for one in name):
            return None
        return "must hold something to be seen"
    return f"must be 1 to {MAX_NAME_LENGTH} printable characters, without a space around them"
