"""Unified diffs: written for an appended line, and checked against the text they change.

Lines end at a line feed alone, as in patch and git; a carriage return belongs to its line.
"""

import re
from collections.abc import Iterator

_CONTEXT_LINES = 3
_NO_NEWLINE = "\\ No newline at end of file"
_MISCOUNTED = "has a hunk whose lines are not as many as its header says"
_HUNK = re.compile(r"@@ -\d{1,9}(?:,(\d{1,9}))? \+\d{1,9}(?:,(\d{1,9}))? @@")


def appending(path: str, text: str, line: str) -> str:
    """The diff that appends a line to a file's text."""
    lines = text.split("\n")
    ended = lines[-1] == ""
    if ended:
        lines.pop()
    kept = lines[-_CONTEXT_LINES:]
    body = [f" {old}" for old in kept]
    if not ended:
        body[-1:] = [f"-{kept[-1]}", _NO_NEWLINE, f"+{kept[-1]}"]
    body.append(f"+{line}")
    first = len(lines) - len(kept) + 1 if lines else 0
    spans = f"-{first},{len(kept)} +{max(first, 1)},{len(kept) + 1}"
    return "\n".join([f"--- a/{path}", f"+++ b/{path}", f"@@ {spans} @@", *body, ""])


def fault(diff: str, text: str) -> str | None:
    """Why a diff does not apply to a text, as words after "the diff"; None when it does.

    A hunk may stand anywhere in the text: models count its lines well, but not those before it.
    """
    try:
        hunks = list(_hunks(_unix(diff).removesuffix("\n").split("\n")))
    except ValueError as error:
        return str(error)
    if not hunks:
        return "has no hunk (a line like @@ -1,3 +1,4 @@)"
    whole = _unix(f"\n{text}\n")
    at = 0
    for number, old_lines in enumerate(hunks, start=1):
        if old_lines:
            old = "\n" + "\n".join(old_lines) + "\n"
            found = whole.find(old, at)
            if found < 0:
                return f"does not fit: the old lines of hunk {number} are not in the file's text"
            # The last newline may be the next hunk's first.
            at = found + len(old) - 1
    return None


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n")


def _hunks(lines: list[str]) -> Iterator[list[str]]:
    """The old lines of each hunk; raises ValueError with what is wrong."""
    at = 0
    while at < len(lines):
        header = _HUNK.match(lines[at])
        at += 1
        if header is not None:
            spans = tuple(1 if span is None else int(span) for span in header.groups())
            hunk, at = _hunk(lines, at, spans)
            yield hunk
        elif not _between_hunks(lines[at - 1]):
            raise ValueError(f"has a line outside of every hunk: {lines[at - 1][:80]!r}")


def _between_hunks(line: str) -> bool:
    headers = ("--- ", "+++ ", "diff ", "index ", "new file", "old mode", "new mode", _NO_NEWLINE)
    return not line.strip() or line.startswith(headers)


def _hunk(lines: list[str], at: int, spans: tuple[int, ...]) -> tuple[list[str], int]:
    old_left, new_left = spans
    old_lines = []
    while old_left > 0 or new_left > 0:
        # An empty line is an empty line of context whose space an editor has taken away.
        line = (lines[at] or " ") if at < len(lines) else "end"
        at += 1
        if line[0] not in " -+\\":
            raise ValueError(_MISCOUNTED)
        if line[0] in " -":
            old_lines.append(line[1:])
            old_left -= 1
        if line[0] in " +":
            new_left -= 1
    if old_left < 0 or new_left < 0 or (at < len(lines) and _changes(lines[at])):
        raise ValueError(_MISCOUNTED)
    return old_lines, at


def _changes(line: str) -> bool:
    return line.startswith(("+", "-")) and not line.startswith(("--- ", "+++ "))
