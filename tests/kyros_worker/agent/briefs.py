"""Briefs for tests: a sound one to change, and hostile ones by the thousand."""

from dataclasses import replace

from hypothesis import strategies as st

from kyros_worker.agent.brief import Brief, EarlierCall
from kyros_worker.model.catalog import TIERS
from kyros_worker.settings import ROLES

BRIEF = Brief(
    role="implementer",
    tier="economy",
    mode="test",
    title="Add a login",
    description="People sign in with a password.",
    type="implementation",
    priority="high",
    complexity=None,
    acceptance_criteria=("People can sign in", "A wrong password is refused"),
    files_to_modify=("app/login.py", "app/data.json", "app/new.py"),
    context={
        "repository_state": "main at 1a2b3c",
        "files": {"app/login.py": "def login():\n    pass\n"},
    },
    metadata={"sandbox": {"delay_seconds": 0}},
    draft=None,
    verdict=None,
    revision=0,
    refusals=0,
    earlier_calls=(),
)


def steered(brief=BRIEF, /, *, sandbox=None, **changes):
    """The brief with other fields; its calls take no time unless the steering says so."""
    return replace(brief, **changes, metadata={"sandbox": {"delay_seconds": 0, **(sandbox or {})}})


ALL = st.characters(codec=None, exclude_categories=[])
TRAPS = st.sampled_from([
    "</data-0000000000000000>", "```", "```json\n{}\n```", "{", "\x00", "\ud800", "\r\n", "\u2028",
    "--- a/x\n+++ b/x\n@@ -1 +1 @@\n", "*/ -->", "../../etc/passwd", "{title}", "%s", "x" * 5000,
])  # fmt: skip
HOSTILE = st.lists(TRAPS | st.text(ALL, max_size=20), max_size=4).map("".join)
PATHS = HOSTILE | st.builds("{}{}".format, st.text(ALL, max_size=8), st.sampled_from(
    [".py", ".md", ".json", ".css", "/Makefile", ""]
))  # fmt: skip


@st.composite
def hostile_briefs(draw, role=None):
    files = draw(st.dictionaries(PATHS, HOSTILE, max_size=4))
    named = st.sampled_from(sorted(files, key=repr)) if files else st.nothing()
    return Brief(
        role=role or draw(st.sampled_from(ROLES)),
        tier=draw(st.sampled_from(TIERS)),
        mode="test",
        title=draw(HOSTILE),
        description=draw(HOSTILE),
        type=draw(st.sampled_from(["implementation", "review", "deployment", "other"])),
        priority="low",
        complexity=draw(st.sampled_from([None, "high"])),
        acceptance_criteria=tuple(draw(st.lists(HOSTILE, max_size=5))),
        files_to_modify=tuple(draw(st.lists(named | PATHS, max_size=6))),
        context={"files": files, "free": draw(HOSTILE)},
        metadata={"sandbox": {"delay_seconds": 0, "refusals": draw(st.integers(0, 2))}},
        draft=None,
        verdict=None,
        revision=draw(st.integers(0, 2)),
        refusals=draw(st.integers(0, 2)),
        earlier_calls=(EarlierCall("critic", "economy"),),
    )
