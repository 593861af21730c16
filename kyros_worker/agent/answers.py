"""What each role answers: the forms that a model's text is validated against.

Every text and list is bounded, so that no answer can outgrow its row.
"""

from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from kyros_worker.settings import Role

MOST_CRITERIA = 200
MOST_CHANGES = 1_000
MOST_PATHS = 1_000
LONGEST_PATH = 1_024
LONGEST_CRITERION = 4_096

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Text = Annotated[str, StringConstraints(max_length=4_000)]
Summary = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
Path = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PATH)]
Code = Annotated[str, StringConstraints(max_length=2_000_000)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Change(_Form):
    """What happens to one file: `content` is the whole new text, `diff` a unified diff."""

    path: Path
    action: Literal["create", "modify", "delete"]
    content: Code | None = None
    diff: Code | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        given = (self.content is not None) + (self.diff is not None)
        if self.action == "delete" and given:
            raise ValueError("a deletion has neither content nor diff")
        if self.action != "delete" and given != 1:
            raise ValueError(f"a change of action {self.action} has either content or diff")
        return self


class Criterion(_Form):
    """Whether an acceptance criterion is met, and what shows it."""

    criterion: Annotated[str, StringConstraints(max_length=LONGEST_CRITERION)]
    met: bool
    evidence: Text


class Finding(_Form):
    """Something wrong: how badly, where (a path, a line, a criterion) and what."""

    severity: Literal["low", "medium", "high", "critical"]
    where: Text
    what: Annotated[str, StringConstraints(min_length=1, max_length=4_000)]


Changes = Annotated[list[Change], Field(max_length=MOST_CHANGES)]
Criteria = Annotated[list[Criterion], Field(max_length=MOST_CRITERIA)]
Findings = Annotated[list[Finding], Field(max_length=200)]
Risks = Annotated[list[Text], Field(max_length=100)]
Needs = Annotated[list[Path], Field(max_length=MOST_PATHS)]


class Draft(_Form):
    """The implementer's: what to change. `needs` are the paths whose text it has to see first."""

    summary: Summary
    changes: Changes
    criteria: Criteria
    risks: Risks
    needs: Needs
    confidence: Share


class Verdict(_Form):
    """The critic's: whether the draft does what the task asks."""

    decision: Literal["approve", "refuse"]
    score: Share
    summary: Summary
    criteria: Criteria
    findings: Findings
    confidence: Share

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.decision == "refuse" and not self.findings:
            raise ValueError("a refusal names at least one finding")
        if self.decision == "approve" and not all(item.met for item in self.criteria):
            raise ValueError("an approval has every criterion met; refuse, or mark it met")
        return self


class Integration(_Form):
    """The integrator's: whether the parts fit, and the changes as they should be merged."""

    decision: Literal["go", "no_go"]
    summary: Summary
    changes: Changes
    criteria: Criteria
    risks: Risks
    findings: Findings
    needs: Needs
    confidence: Share

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.decision == "no_go" and not self.findings:
            raise ValueError("a no_go names at least one finding")
        return self


Answer = Draft | Verdict | Integration
ANSWERS: dict[Role, type[Answer]] = {
    "implementer": Draft,
    "critic": Verdict,
    "integrator": Integration,
}

#: Servers that turn a schema into a grammar refuse longer repetitions, or take minutes for them.
_LONGEST_REPETITION = 1_000
_LENGTHS = ("maxLength", "minLength", "maxItems", "minItems")


@cache
def schema(role: Role) -> dict[str, Any]:
    """The JSON schema that a provider holds the role's answer to: its form without great lengths.

    What the form says beyond that is checked when the answer is read.
    """
    found = _without_great_lengths(ANSWERS[role].model_json_schema())
    assert isinstance(found, dict)
    return found


def _without_great_lengths(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_great_lengths(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _without_great_lengths(item)
        for key, item in value.items()
        if not (key in _LENGTHS and isinstance(item, int) and item > _LONGEST_REPETITION)
    }
