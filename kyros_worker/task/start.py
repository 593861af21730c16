"""The first of a job's two short transactions: claim a submission and learn what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from kyros_worker.agent.ask import prompt_text
from kyros_worker.agent.brief import Brief, EarlierCall
from kyros_worker.clock import now
from kyros_worker.cost.ledger import NewCall, ended_calls, open_call
from kyros_worker.event.write import NewEvent
from kyros_worker.ids import new_id
from kyros_worker.model.catalog import ChosenModel, ModelNotConfiguredError, choose, nobody
from kyros_worker.settings import current
from kyros_worker.submission import claim
from kyros_worker.submission.create import summary
from kyros_worker.submission.tables import Submission
from kyros_worker.task.change import TaskEvent, change_task, lock_task
from kyros_worker.task.tables import Task
from kyros_worker.task.workflow import Answer, percentage, roles_for

_SHOWN_TO_MODELS = (
    Task.title, Task.description, Task.acceptance_criteria, Task.files_to_modify,
    Task.complexity, Task.metadata_, Task.context,
)  # fmt: skip

_DOING = {
    "implementer": "The implementer is writing the draft.",
    "critic": "The critic is judging the draft.",
    "integrator": "The integrator is checking that the parts fit.",
}


@dataclass(frozen=True)
class Work:
    """A claimed submission with all that its call needs; ids for the record."""

    task_id: str
    submission_id: str
    claim: int
    tries: int
    request_id: str
    brief: Brief
    model: ChosenModel
    call_id: str
    #: What was wrong with the answer before, when it is asked again.
    correction: str | None = None


def start(connection: Connection, submission_id: str, worker: str) -> Work | None:
    """Claims a submission for a worker and writes its first call; None when nothing is to do."""
    task_id = claim.task_of(connection, submission_id)
    if task_id is None:
        return None
    task = lock_task(connection, task_id, *_SHOWN_TO_MODELS)
    if task is None:
        return None
    claimed = claim.claim(connection, submission_id, worker, current().lease_seconds)
    if claimed is None:
        return None
    brief = _brief(connection, task, claimed)
    work = Work(
        task_id=task_id,
        submission_id=submission_id,
        claim=claimed["claim"],
        tries=claimed["tries"],
        request_id=claimed["request_id"],
        brief=brief,
        model=_model(brief),
        call_id=new_id("call", now()),
    )
    open_call(connection, new_call(work, number=1), now())
    _tell(connection, task, claimed)
    return work


def new_call(work: Work, number: int) -> NewCall:
    """The call that `work` is about to make, the first or the second of its claim."""
    return NewCall(
        id=work.call_id,
        task_id=work.task_id,
        submission_id=work.submission_id,
        claim=work.claim,
        number=number,
        mode=work.brief.mode,
        role=work.brief.role,
        tier=work.brief.tier,
        provider=work.model.provider,
        model=work.model.name,
        prompt=prompt_text(work.brief, work.correction),
    )


def _model(brief: Brief) -> ChosenModel:
    """The configured model, or one that fails the call with its reason: it was there at intake."""
    try:
        return choose(brief.role, brief.tier, brief.mode)
    except ModelNotConfiguredError:
        return nobody(brief.tier)


def _tell(connection: Connection, task: RowMapping, claimed: RowMapping) -> None:
    role = claimed["role"]
    roles = roles_for(current().configuration.workflows, task["type"], task["assignee_role"], role)
    at = now()
    changes: dict[str, Any] = {
        "progress_percentage": percentage(roles, role, task["progress_percentage"]),
        "progress_stage": role,
        "progress_message": _DOING[role],
        "model_tier": claimed["tier"],
    }
    told: TaskEvent = "task.progress"
    if task["state"] == "queued":
        changes |= {"state": "running", "started_at": at}
        told = "task.started"
    started = NewEvent("submission.started", {**summary(claimed), "worker": claimed["claimed_by"]})
    change_task(connection, task, at, changes, [told, started])


def _brief(connection: Connection, task: RowMapping, claimed: RowMapping) -> Brief:
    passes = _completed_passes(connection, task["id"])
    draft, verdict = newest_draft_and_verdict(passes)
    revising = claimed["role"] == "implementer" and claimed["revision"] == 0
    return Brief(
        role=claimed["role"],
        tier=claimed["tier"],
        mode=task["mode"],
        title=task["title"],
        description=task["description"],
        type=task["type"],
        priority=task["priority"],
        complexity=task["complexity"],
        acceptance_criteria=tuple(task["acceptance_criteria"]),
        files_to_modify=tuple(task["files_to_modify"]),
        context=task["context"],
        metadata=task["metadata"],
        draft=None if revising else draft,
        verdict=None if revising else verdict,
        revision=claimed["revision"],
        refusals=sum(_refused(one) for one in passes),
        earlier_calls=tuple(
            EarlierCall(call["role"], call["tier"]) for call in ended_calls(connection, task["id"])
        ),
    )


def newest_draft_and_verdict(
    passes: Sequence[RowMapping],
) -> tuple[Answer | None, Answer | None]:
    """The newest draft of a task and the newest judgement on it, of passes oldest first."""
    draft: Answer | None = None
    verdict: Answer | None = None
    for one in passes:
        if one["role"] == "implementer":
            draft, verdict = one["answer"], None
        else:
            verdict = one["answer"]
    return draft, verdict


def _completed_passes(connection: Connection, task_id: str) -> Sequence[RowMapping]:
    query = (
        select(Submission.role, Submission.answer)
        .where(Submission.task_id == task_id, Submission.state == "completed")
        .order_by(Submission.id)
    )
    return connection.execute(query).mappings().all()


def _refused(one: RowMapping) -> bool:
    return bool(one["role"] == "critic" and one["answer"]["decision"] == "refuse")
