"""What the sandbox model says in each role: derived from the task, and labelled as its own.

Deterministic: the same brief and steering give the same text.
"""

import re
from pathlib import PurePosixPath
from typing import Any

from kyros_worker import strict_json
from kyros_worker.agent import unified_diff
from kyros_worker.agent.answers import LONGEST_PATH
from kyros_worker.agent.brief import Brief
from kyros_worker.model.steering import Steering
from kyros_worker.model.storable import shortened, storable

LABEL = "Sandbox model"
_MOST_CHANGES = 50
_LONGEST_DIFF = 4_000
_LONGEST_CRITERION = 300

#: How a comment is written, by the end of a file's name.
_COMMENTS: dict[str, str] = {
    **dict.fromkeys(
        (".py", ".pyi", ".sh", ".bash", ".rb", ".pl", ".r", ".yml", ".yaml", ".toml", ".cfg",
         ".conf", ".tf", ".mk", ".dockerfile", "Dockerfile", "Makefile", "Procfile"),
        "# {}",
    ),
    **dict.fromkeys(
        (".js", ".jsx", ".mjs", ".ts", ".tsx", ".java", ".kt", ".go", ".rs", ".c", ".h", ".cc",
         ".cpp", ".hpp", ".cs", ".swift", ".scala", ".dart", ".groovy", "Jenkinsfile", ".php"),
        "// {}",
    ),
    **dict.fromkeys((".sql", ".lua", ".hs"), "-- {}"),
    **dict.fromkeys((".css", ".scss"), "/* {} */"),
    **dict.fromkeys((".md", ".html", ".xml", ".svg", ".vue"), "<!-- {} -->"),
    **dict.fromkeys((".txt", ".rst"), "{}"),
}  # fmt: skip


def answer(brief: Brief, steering: Steering) -> str:
    """The sandbox's answer for the brief's role, as a real model's text would be: JSON."""
    forms = {"implementer": _draft, "critic": _verdict, "integrator": _integration}
    return strict_json.dumps(forms[brief.role](brief, steering))


def _draft(brief: Brief, steering: Steering) -> dict[str, Any]:
    changes, risks, needs = _proposed(brief)
    paths = ", ".join(change["path"] for change in changes[:3]) or "no file"
    findings = len((brief.verdict or {}).get("findings") or [])
    revised = f" Revision {brief.revision}, after {findings} findings." if brief.revision else ""
    return {
        "summary": f"{LABEL}: a rehearsed draft for {_title(brief)}, changing {paths}.{revised}",
        "changes": changes,
        "criteria": _judged(brief, f"{LABEL}: taken as met by the change of {paths}."),
        "risks": [f"{LABEL}: nothing was implemented; merge nothing of this.", *risks],
        "needs": needs,
        "confidence": steering.confidence,
    }


def _verdict(brief: Brief, steering: Steering) -> dict[str, Any]:
    refused = brief.refusals < steering.refusals
    criteria = _judged(brief, f"{LABEL}: taken as met by what was shown.")
    findings = []
    if refused:
        left = steering.refusals - brief.refusals
        what = f"{LABEL}: refused as metadata.sandbox asks; {left - 1} more refusals to come."
        criteria[0] |= {"met": False, "evidence": what}
        findings = [{"severity": "high", "where": criteria[0]["criterion"], "what": what}]
    decision = "refuse" if refused else "approve"
    return {
        "decision": decision,
        "score": steering.score,
        "summary": f"{LABEL}: a rehearsed judgement of {_title(brief)}: {decision}.",
        "criteria": criteria,
        "findings": findings,
        "confidence": steering.confidence,
    }


def _integration(brief: Brief, steering: Steering) -> dict[str, Any]:
    stopped = steering.decision == "no_go"
    why = f"{LABEL}: stopped as metadata.sandbox asks."
    draft = brief.draft or {}
    return {
        "decision": steering.decision,
        "summary": f"{LABEL}: a rehearsed integration of {_title(brief)}: {steering.decision}.",
        "changes": draft.get("changes", []),
        "criteria": _judged(brief, why if stopped else f"{LABEL}: taken as met.", met=not stopped),
        "risks": [f"{LABEL}: nothing was checked; merge nothing of this."],
        "findings": [{"severity": "high", "where": "the task", "what": why}] if stopped else [],
        "needs": draft.get("needs", []),
        "confidence": steering.confidence,
    }


def _title(brief: Brief) -> str:
    return f"“{shortened(' '.join(brief.title.split()), 300)}”"


def _judged(brief: Brief, evidence: str, *, met: bool = True) -> list[dict[str, Any]]:
    """Every acceptance criterion with the same evidence; without any, title and description."""
    named = list(brief.acceptance_criteria) or [f"The title: {brief.title}"]
    if not brief.acceptance_criteria and brief.description:
        named.append(f"The description: {brief.description}")
    return [
        {"criterion": shortened(name, _LONGEST_CRITERION), "met": met, "evidence": evidence}
        for name in named
    ]


def _proposed(brief: Brief) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """Changes, risks and needs, for the files to modify or else for those shown."""
    files = brief.files
    changes: list[dict[str, Any]] = []
    risks: list[str] = []
    needs: list[str] = []
    paths = [storable(path) for path in brief.files_to_modify] or list(files)
    for path in dict.fromkeys(paths):
        if len(changes) == _MOST_CHANGES or not _nameable(path):
            risks.append(f"{LABEL}: left {shortened(path, 100)!r} as it is.")
        elif (change := _change(path, files.get(path), brief)) is not None:
            changes.append(change)
        elif path in files:
            risks.append(f"{LABEL}: left {path} as it is: no short comment fits it.")
        else:
            needs.append(path)
    return changes, risks[:_MOST_CHANGES], needs


def _nameable(path: str) -> bool:
    """Whether a path can stand on a diff's header line and in an answer."""
    return 0 < len(path) <= LONGEST_PATH and path.isprintable()


def _change(path: str, text: str | None, brief: Brief) -> dict[str, Any] | None:
    """A comment appended to a shown text, or a new file of one comment; None if none fits."""
    name = PurePosixPath(path)
    comment = _COMMENTS.get(name.suffix.lower() or name.name)
    if comment is None:
        return None
    words = " ".join(re.sub(r"[^\w.,]+", " ", brief.title)[:80].split())
    revision = f", revision {brief.revision}" if brief.revision else ""
    line = comment.format(f"{LABEL}{revision}: {words}")
    if text is None:
        return {"path": path, "action": "create", "content": f"{line}\n"}
    diff = unified_diff.appending(path, text, line)
    if len(diff) > _LONGEST_DIFF:
        return None
    return {"path": path, "action": "modify", "diff": diff}
