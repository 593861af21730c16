"""How each sample is run, what is corrected in it, and what must come of it: `table.toml`."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

FILE = Path(__file__).with_name("table.toml")


class Correction(BaseModel):
    """The smallest change without which the sample can't work, and why."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    old: str
    new: str
    why: str


class Entry(BaseModel):
    """One sample's row."""

    model_config = ConfigDict(extra="forbid")

    run: Literal[
        "bash", "npm", "python", "pytest", "node", "module", "java", "gitlab", "jenkins", "actions",
        "prometheus", "grafana", "pom", "text",
    ]  # fmt: skip
    #: Names of samples of the same document that the reader has before this one.
    follows: list[str] = []
    #: What stands around a piece, so that it does something.
    before: str = ""
    after: str = ""
    corrections: list[Correction] = []
    #: The port that a server names, and what is done to it: a function of drive.py.
    port: str = ""
    drive: str = ""
    #: Programs that it calls.
    needs: list[str] = []
    #: Found in what it prints; `never` must not be there.
    prints: list[str] = []
    never: list[str] = []
    exit_code: int = 0
    #: Why all or the rest of it can't run here.
    cannot: str = ""
    note: str = ""


Table = dict[str, Annotated[dict[str, Entry], Field(min_length=1)]]


def table() -> Table:
    """Entries by document and name of the sample."""
    read = tomllib.loads(FILE.read_text())
    return {
        document: {name: Entry.model_validate(entry) for name, entry in entries.items()}
        for document, entries in read.items()
    }
