"""What is sent to a model: the role's instructions, and the task as data.

All that people, files and other models wrote stands between tags whose ending is made from the
texts themselves: no text can hold the tag that ends it.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from kyros_worker import strict_json
from kyros_worker.agent.answers import ANSWERS
from kyros_worker.agent.brief import Brief
from kyros_worker.model.storable import storable
from kyros_worker.settings import Role

Section = tuple[str, str | None]


@dataclass(frozen=True)
class Prompt:
    """The two parts of what is sent."""

    system: str
    user: str

    @property
    def text(self) -> str:
        """Both as one text, as it is kept with the call."""
        return f"{self.system}\n\n{self.user}"


def render(brief: Brief, correction: str | None = None) -> Prompt:
    """What the role is sent; `correction` is what was wrong with its answer before."""
    sections = [*_task(brief), *_code(brief), *_work_so_far(brief), *_again(correction)]
    parts = [part for section in sections for part in section if part is not None]
    ending = hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:16]
    user = "\n\n".join(_shown(heading, data, ending) for heading, data in sections)
    return Prompt(_system(brief.role), storable(user))


@cache
def _system(role: Role) -> str:
    folder = files("kyros_worker.agent") / "prompts"
    instructions = (folder / f"{role}.md").read_text(encoding="utf-8").strip()
    answering = (folder / "answering.md").read_text(encoding="utf-8").strip()
    schema = strict_json.dumps(ANSWERS[role].model_json_schema())
    return f"{instructions}\n\n{answering}\n\n{schema}"


def _shown(heading: str, data: str | None, ending: str) -> str:
    if data is None:
        return heading
    return f"{heading}\n<data-{ending}>\n{data}\n</data-{ending}>"


def _task(brief: Brief) -> Iterator[Section]:
    complexity = brief.complexity or "not said"
    kind = f"type: {brief.type}\npriority: {brief.priority}\ncomplexity: {complexity}"
    yield "# The task", kind
    yield "## Title", brief.title
    yield ("## Description", brief.description) if brief.description else _NO_DESCRIPTION
    for number, criterion in enumerate(brief.acceptance_criteria, start=1):
        yield f"## Acceptance criterion {number}", criterion
    if not brief.acceptance_criteria:
        yield "There are no acceptance criteria: title and description are what counts.", None


_NO_DESCRIPTION: Section = ("There is no description.", None)
_UNSEEN = """# Files without their text

Nobody showed the text of these: answer a whole new file or list the path in `needs`, never a diff.
"""
_AGAIN = """# Your answer before was not accepted

Answer the task again, in full and in the right form. What was wrong with your answer:
"""


def _code(brief: Brief) -> Iterator[Section]:
    shown = brief.files
    if brief.files_to_modify:
        yield "# The files that the task wants changed", "\n".join(brief.files_to_modify)
    if brief.unseen_paths:
        yield _UNSEEN, "\n".join(brief.unseen_paths)
    free = {key: value for key, value in brief.context.items() if key != "files"}
    if free:
        yield "# What is known of the repository", strict_json.dumps(free)
    if shown:
        yield f"# Files with their text: {len(shown)}", None
    for path, text in shown.items():
        yield "## The path of a file", path
        yield "Its text:", text


def _work_so_far(brief: Brief) -> Iterator[Section]:
    if brief.draft is not None:
        revised = "your draft before" if brief.role == "implementer" else "the implementer's draft"
        yield f"# The draft: {revised} (revision {brief.revision})", strict_json.dumps(brief.draft)
    if brief.verdict is None:
        return
    if brief.role == "implementer":
        findings = brief.verdict.get("findings")
        yield "# The findings that your revision has to answer", strict_json.dumps(findings)
        yield "# The critic's whole judgement", strict_json.dumps(brief.verdict)
    else:
        yield "# The critic's judgement of the draft", strict_json.dumps(brief.verdict)


def _again(correction: str | None) -> Iterator[Section]:
    if correction is not None:
        yield _AGAIN, correction
