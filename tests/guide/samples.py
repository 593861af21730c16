"""The fenced samples of a guide, as they are printed."""

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(`{3,}|~{3,})(\w*)")
_HEADING = re.compile(r"^#+ (.+)$")
_LABEL = re.compile(r"^\*\*(.+?):?\*\*$")


@dataclass(frozen=True)
class Sample:
    """`name` is its heading, the bold line above it, and a number where these are not enough."""

    document: str
    name: str
    line: int
    language: str
    text: str


def samples(page: Path) -> list[Sample]:
    """Every fenced sample of a Markdown page, in order."""
    found: list[Sample] = []
    heading = label = ""
    fence, begun, language = "", 0, ""
    lines = page.read_text().splitlines()
    for number, line in enumerate(lines, 1):
        at_fence = _FENCE.match(line)
        if fence:
            if line.strip() == fence:
                text = "\n".join(lines[begun : number - 1]) + "\n"
                name = _name(found, f"{heading}: {label}" if label else heading)
                found.append(Sample(page.name, name, begun, language, text))
                fence = ""
        elif at_fence:
            fence, language = at_fence.groups()
            begun = number
        elif at_heading := _HEADING.match(line):
            heading, label = at_heading[1], ""
        elif at_label := _LABEL.match(line):
            label = at_label[1]
    assert not fence, f"{page}:{begun}: the fence is not closed"
    return found


def _name(found: list[Sample], wanted: str) -> str:
    taken = {sample.name for sample in found}
    names = [wanted, *(f"{wanted} ({number})" for number in range(2, 100))]
    return next(name for name in names if name not in taken)
