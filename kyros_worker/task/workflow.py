"""What happens next to a task: pure decisions over what is stored (design, law 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kyros_worker.decide import Verdict
from kyros_worker.model.failure import Failure
from kyros_worker.model.storable import shortened
from kyros_worker.settings import Role

#: A refused draft is revised at most so often; then the task fails with the last findings.
MAX_REVISIONS = 2
#: A failed try is tried again so often on the same tier.
MAX_RETRIES = 2
#: A submission whose worker died so often is given up: the work itself may be what kills them.
MAX_LOST = 10

Workflows = Mapping[str, tuple[Role, ...]]
Answer = dict[str, Any]


@dataclass(frozen=True)
class Next:
    """Another role goes on; `revision` counts the refusals before it."""

    role: Role
    revision: int


@dataclass(frozen=True)
class TryAgain:
    """The same submission is tried again after a pause, in seconds."""

    pause: float


@dataclass(frozen=True)
class Complete:
    """The task is completed with this result."""

    result: Answer


@dataclass(frozen=True)
class Fail:
    """The task fails; `error` is the sentence that its reader sees, `verdict` a rule's, if any."""

    error: str
    verdict: Verdict | None = None


#: What a workflow leads to by itself.
Following = Next | TryAgain | Complete | Fail


@dataclass(frozen=True)
class Escalate:
    """A rule wants the premium tier for a role; `otherwise` follows where nobody allows it."""

    target: Next
    verdict: Verdict
    otherwise: Following


@dataclass(frozen=True)
class Hold:
    """A person asked for the premium tier: what would follow waits for who decides."""

    otherwise: Following


Decision = Following | Escalate | Hold


@dataclass(frozen=True)
class Step:
    """Where a task stands when a submission ends."""

    task_type: str
    #: The roles that work on the task, in order; one alone where no workflow applies.
    roles: tuple[Role, ...]
    role: Role
    revision: int
    #: The newest draft and the verdict on it, where there are any.
    draft: Answer | None = None
    verdict: Answer | None = None


def first_role(workflows: Workflows, task_type: str) -> Role:
    """Who gets a task of this type when its creator named nobody."""
    return workflows.get(task_type, ("implementer",))[0]


def roles_for(workflows: Workflows, task_type: str, assignee: str, role: Role) -> tuple[Role, ...]:
    """The roles of the way on which `role` works.

    A task assigned to the first role of its type's workflow runs that workflow; a task assigned to
    another runs that role alone. A role outside of the workflow runs alone too.
    """
    workflow = workflows.get(task_type, ())
    if workflow and assignee == workflow[0] and role in workflow:
        return workflow
    return (role,)


def after_answer(step: Step, answer: Answer) -> Following:
    """What follows a valid answer."""
    if step.role == "implementer":
        return _go_on(step, answer)
    if len(step.roles) == 1:
        if step.task_type == "deployment" and answer["decision"] == "no_go":
            return Fail(f"The integrator decided against the deployment: {_reasons(answer)}")
        return Complete(result_of(step, answer))
    if answer["decision"] in ("approve", "go"):
        return _go_on(step, answer)
    return _after_refusal(step, answer)


def after_failure(failure: Failure, retries: int, first_pause: float) -> TryAgain | Fail:
    """What follows a failed try: a pause that doubles, or the end.

    `retries` is how often this submission was tried again already. The provider's own
    `retry_after` is kept where it is longer than the pause, up to an hour.
    """
    if not failure.retryable:
        return Fail(_sentence(failure.message))
    if retries >= MAX_RETRIES:
        return Fail(f"The model call failed {retries + 1} times; the last time: {failure.message}")
    pause = first_pause * 2**retries
    return TryAgain(max(pause, min(failure.retry_after or 0, 3600)))


def result_of(step: Step, answer: Answer) -> Answer:
    """The task's `result`: the same keys whoever gave the last answer."""
    draft = answer if step.role == "implementer" else step.draft or {}
    verdict = answer if step.role == "critic" else step.verdict or {}
    return {
        "role": step.role,
        "summary": answer["summary"],
        "decision": answer.get("decision"),
        "confidence": answer["confidence"],
        "score": verdict.get("score"),
        "revisions": step.revision,
        "changes": answer.get("changes") or draft.get("changes", []),
        "criteria": answer["criteria"],
        "findings": answer.get("findings", []),
        # The integrator speaks of the merge: what the draft assumed and could not see still holds.
        "risks": _together(draft, answer, "risks"),
        "needs": _together(draft, answer, "needs"),
    }


def _together(draft: Answer, answer: Answer, name: str) -> list[str]:
    return list(dict.fromkeys([*draft.get(name, []), *answer.get(name, [])]))


def premium_target(
    roles: tuple[Role, ...], role: Role, revision: int, *, refused: bool = False
) -> Next:
    """Who works on premium instead of `role`: of a judge's place, the implementer that it judges.

    A refusal counts as one, so that the implementer is shown the findings.
    """
    if role != "implementer" and "implementer" in roles[: roles.index(role)]:
        return Next("implementer", revision + refused)
    return Next(role, revision)


def best_result(
    task_type: str, roles: tuple[Role, ...], passes: Sequence[tuple[Role, int, Answer]]
) -> Complete | None:
    """The best of what was answered so far, as a task's result; None where nothing was.

    `passes` are role, revision and answer, oldest first. The best draft is the approved one, else
    the one with the highest score, else the newest; without drafts it is the newest answer.
    """
    best: tuple[tuple[bool, float], Complete] | None = None
    draft: Answer | None = None
    for role, revision, answer in passes:
        if role == "implementer":
            draft = answer
        judged = draft is not None and role != "implementer"
        accepted = judged and answer.get("decision") in ("approve", "go")
        rank = (accepted, answer.get("score") or 0.0 if judged else -1.0)
        step = Step(task_type, roles, role, revision, draft, answer if judged else None)
        if best is None or rank >= best[0]:
            best = (rank, Complete(result_of(step, answer)))
    return None if best is None else best[1]


def as_json(following: Following, role: Role, revision: int) -> Answer:
    """What would have followed, to be kept while a person is asked; a new try is the role's."""
    match following:
        case Complete(result):
            return {"complete": result}
        case Fail(error):
            return {"fail": error}
        case Next(role, revision):
            pass
    return {"next": role, "revision": revision}


def from_json(kept: Answer) -> Next | Complete | Fail:
    """What `as_json` kept."""
    if "complete" in kept:
        return Complete(kept["complete"])
    if "fail" in kept:
        return Fail(kept["fail"])
    return Next(kept["next"], kept["revision"])


def percentage(roles: tuple[Role, ...], role: Role, before: int) -> int:
    """How much of the way lies behind a role that begins, 0 to 99; it never falls within a run."""
    return max(before, 100 * roles.index(role) // len(roles))


def _go_on(step: Step, answer: Answer) -> Next | Complete:
    position = step.roles.index(step.role) + 1
    if position < len(step.roles):
        return Next(step.roles[position], step.revision)
    return Complete(result_of(step, answer))


def _after_refusal(step: Step, answer: Answer) -> Next | Fail:
    who = f"The {step.role} refused the draft"
    if "implementer" not in step.roles[: step.roles.index(step.role)]:
        return Fail(f"{who}: {_reasons(answer)}")
    if step.revision >= MAX_REVISIONS:
        return Fail(f"{who} after {step.revision} revisions: {_reasons(answer)}{_unseen(step)}")
    return Next("implementer", step.revision + 1)


def _reasons(answer: Answer) -> str:
    findings = "; ".join(finding["what"].rstrip(".") for finding in answer.get("findings", []))
    return _sentence((findings or answer["summary"])[:2000])


def _unseen(step: Step) -> str:
    """What the draft could not be written well without; a failed task has no `result.needs`."""
    needs = ", ".join((step.draft or {}).get("needs", []))
    return f" The implementer needs to see: {shortened(needs, 1000)}." if needs else ""


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
