"""The first of a job's two short transactions: claim submissions and learn what to do."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache, partial
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from kyros_worker.agent.ask import prompt_text
from kyros_worker.agent.brief import Brief, EarlierCall
from kyros_worker.bulk import Writes, is_one_of
from kyros_worker.clock import now
from kyros_worker.cost import spending
from kyros_worker.cost.ledger import NewCall, ended_calls, open_call
from kyros_worker.cost.limits import Counter, refusal_by_task
from kyros_worker.event.write import NewEvent
from kyros_worker.ids import new_id
from kyros_worker.model.catalog import ChosenModel
from kyros_worker.model.prices import cost_at_most, price_version
from kyros_worker.prepared import PREPARED
from kyros_worker.settings import current
from kyros_worker.submission import claim
from kyros_worker.submission.create import summary
from kyros_worker.submission.tables import Submission
from kyros_worker.task import budget, outage
from kyros_worker.task.change import TaskEvent, change_task, lock_tasks, locking
from kyros_worker.task.tables import Task
from kyros_worker.task.workflow import Answer, percentage, roles_for

_SHOWN_TO_MODELS = (
    Task.title, Task.description, Task.acceptance_criteria, Task.files_to_modify,
    Task.complexity, Task.metadata_, Task.context,
)  # fmt: skip

_WAITING = locking(
    Task.id.in_(
        select(Submission.task_id).where(
            is_one_of(Submission.id, "ids"), Submission.state == "queued"
        )
    ),
    *_SHOWN_TO_MODELS,
)
_PASSES = (
    select(Submission.task_id, Submission.role, Submission.answer)
    .where(is_one_of(Submission.task_id, "ids"), Submission.state == "completed")
    .order_by(Submission.id)
    .execution_options(**PREPARED)
)

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
    run: int
    claim: int
    tries: int
    #: Who made the task: the key whose day its calls count to.
    created_by: str
    request_id: str
    brief: Brief
    model: ChosenModel
    call_id: str
    #: What was wrong with the answer before, when it is asked again.
    correction: str | None = None


def start(connection: Connection, submission_ids: Sequence[str], worker: str) -> list[Work | None]:
    """Claims submissions for a worker and writes their first calls, as far as budgets have room.

    Gives the work of each in the order of the ids; None where nothing is to do.
    """
    tasks = lock_tasks(connection, _WAITING, ids=list(submission_ids))
    if not tasks:
        return [None] * len(submission_ids)
    lease_seconds = current().lease_seconds
    claimed = claim.claim(connection, submission_ids, tasks, worker, lease_seconds)
    past = _past(connection, [one["task_id"] for one in claimed if not _is_first(tasks, one)])
    at = now()
    budgets = current().configuration.budgets
    spent = spending.lock(connection, budgets, ((tasks[one["task_id"]], at) for one in claimed))
    models = outage.models_for(connection, claimed, tasks)
    running = cache(partial(budget.held_by_running_calls, connection))

    def held(counter: Counter) -> Decimal:
        return running(counter) + spent.added(counter)

    writes = Writes()
    works = {}
    for one in claimed:
        task = tasks[one["task_id"]]
        call_id = new_id("call", at)
        model = models.choose(task["mode"], one, call_id)
        if model is None:
            models.wait(writes, task, one, at)
            continue
        work = _work(task, one, past, call_id, model)
        call = new_call(work, number=1)
        needed = call.reserved_usd or Decimal(0)
        refusal = refusal_by_task(budgets, task["cost_usd"], needed)
        refusal = refusal or spent.reserve(task, at, needed)
        if refusal is None:
            works[one["id"]] = work
            open_call(writes, call, at)
            _tell(writes, task, one, at)
        else:
            budget.refuse(writes, task, one, refusal, held, at)
    spent.write(writes, at)
    writes.execute(connection)
    # A submission that two messages name is one's work alone.
    return [works.pop(submission_id, None) for submission_id in submission_ids]


def _work(
    task: dict[str, Any], claimed: RowMapping, past: "_Past", call_id: str, model: ChosenModel
) -> Work:
    return Work(
        task_id=task["id"],
        submission_id=claimed["id"],
        run=claimed["run"],
        claim=claimed["claim"],
        tries=claimed["tries"],
        created_by=task["created_by"],
        request_id=claimed["request_id"],
        brief=_brief(task, claimed, past),
        model=model,
        call_id=call_id,
    )


def new_call(work: Work, number: int) -> NewCall:
    """The call that `work` is about to make, the first or the second of its claim."""
    prompt = prompt_text(work.brief, work.correction)
    return NewCall(
        id=work.call_id,
        task_id=work.task_id,
        submission_id=work.submission_id,
        run=work.run,
        claim=work.claim,
        number=number,
        mode=work.brief.mode,
        created_by=work.created_by,
        role=work.brief.role,
        tier=work.brief.tier,
        provider=work.model.provider,
        model=work.model.name,
        prompt=prompt,
        reserved_usd=cost_at_most(work.model, prompt),
        price_version=price_version(work.model),
    )


def _tell(writes: Writes, task: dict[str, Any], claimed: RowMapping, at: datetime) -> None:
    role = claimed["role"]
    roles = roles_for(current().configuration.workflows, task["type"], task["assignee_role"], role)
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
    change_task(writes, task, at, changes, [told, started])


def _brief(task: dict[str, Any], claimed: RowMapping, past: "_Past") -> Brief:
    passes = past.passes[task["id"]]
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
        earlier_calls=tuple(past.calls[task["id"]]),
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


@dataclass(frozen=True)
class _Past:
    """What came of tasks so far, by their ids, oldest first."""

    passes: defaultdict[str, list[RowMapping]]
    calls: defaultdict[str, list[EarlierCall]]


def _is_first(tasks: dict[str, dict[str, Any]], claimed: RowMapping) -> bool:
    """Whether nothing was done before on the task of this submission."""
    waits = tasks[claimed["task_id"]]["state"] == "queued"
    return bool(waits and claimed["run"] == claimed["claim"] == 1)


def _past(connection: Connection, task_ids: Sequence[str]) -> _Past:
    past = _Past(defaultdict(list), defaultdict(list))
    if not task_ids:
        return past
    for one in connection.execute(_PASSES, {"ids": task_ids}).mappings():
        past.passes[one["task_id"]].append(one)
    for call in ended_calls(connection, task_ids):
        past.calls[call["task_id"]].append(EarlierCall(call["role"], call["tier"]))
    return past


def _refused(one: RowMapping) -> bool:
    return bool(one["role"] == "critic" and one["answer"]["decision"] == "refuse")
