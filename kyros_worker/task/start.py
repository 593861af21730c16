"""The first of a job's two short transactions: claim submissions and learn what to do."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from kyros_worker.cost.limits import Counter
from kyros_worker.cost.spending import Spendings
from kyros_worker.escalation.write import add_escalation, find_escalations
from kyros_worker.event.write import NewEvent
from kyros_worker.ids import new_id
from kyros_worker.model.catalog import ChosenModel
from kyros_worker.model.prices import cost_at_most, price_version
from kyros_worker.prepared import PREPARED
from kyros_worker.settings import current
from kyros_worker.submission import claim
from kyros_worker.submission.claim import finish, start_on_premium
from kyros_worker.submission.create import summary
from kyros_worker.submission.tables import Submission
from kyros_worker.task import budget, outage, ruling
from kyros_worker.task.change import TaskEvent, change_task, lock_tasks, locking
from kyros_worker.task.escalate import Told, by_rule, park, raised
from kyros_worker.task.outage import Models
from kyros_worker.task.tables import Task
from kyros_worker.task.workflow import Answer, Next, as_json, percentage, roles_for

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
    #: The escalation that this pass completes.
    escalation: Mapping[Any, Any] | None = None
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

    asked = [one["escalation_id"] for one in claimed if one["escalation_id"] is not None]
    escalations = find_escalations(connection, asked)
    writes = Writes()
    works = {}
    for one in claimed:
        work = _work(tasks[one["task_id"]], one, past, escalations)
        begun = _begin(writes, tasks[one["task_id"]], one, work, models, spent, held, at)
        if begun is not None:
            works[one["id"]] = begun
    spent.write(writes, at)
    writes.execute(connection)
    # A submission that two messages name is one's work alone.
    return [works.pop(submission_id, None) for submission_id in submission_ids]


def _begin(
    writes: Writes,
    task: dict[str, Any],
    claimed: RowMapping,
    work: Work,
    models: Models,
    spent: Spendings,
    held: Callable[[Counter], Decimal],
    at: datetime,
) -> Work | None:
    """Opens the first call of a claim; None where a person, a model or a budget is waited for."""
    told: Told = []
    verdict = ruling.at_start(task, work.brief, spent, at) if claimed["tries"] == 0 else None
    if verdict is not None:
        target = Next(work.brief.role, work.brief.revision)
        escalation, asked = by_rule(task, target, verdict, work.request_id, at)
        told += asked
        if escalation["status"] == "requested":
            _park(writes, task, work, escalation, told, at)
            return None
        brief = replace(work.brief, tier="premium")
        work = replace(work, brief=brief, escalation=escalation)
    model = models.choose(work.brief, work.submission_id, work.call_id)
    if model is None:
        models.wait(writes, task, claimed, work.brief, at)
        return None
    work = replace(work, model=model)
    call = new_call(work, number=1)
    needed = call.reserved_usd
    refusal = budget.task_refusal(task, needed) or spent.reserve(task, at, needed)
    if refusal is not None:
        budget.refuse(writes, task, claimed, refusal, held, at)
        return None
    if verdict is not None and work.escalation is not None:
        add_escalation(writes, work.escalation)
        start_on_premium(writes, work.submission_id, work.escalation["id"])
        task |= raised(task, work.brief.role)
    open_call(writes, call, at)
    _tell(writes, task, claimed, work, told, at)
    return work


def _park(
    writes: Writes,
    task: dict[str, Any],
    work: Work,
    escalation: dict[str, Any],
    told: Told,
    at: datetime,
) -> None:
    """Gives the pass up until a person has decided on which tier it is made."""
    finish(writes, (work.submission_id, work.claim), state="superseded")
    waiting = Next(work.brief.role, work.brief.revision)
    escalation |= {"otherwise": as_json(waiting, waiting.role, waiting.revision)}
    add_escalation(writes, escalation)
    change_task(writes, task, at, {}, [*told, *park(task, escalation)])


def _work(
    task: dict[str, Any],
    claimed: RowMapping,
    past: "_Past",
    escalations: Mapping[str, Mapping[Any, Any]],
) -> Work:
    brief = _brief(task, claimed, past)
    return Work(
        task_id=task["id"],
        submission_id=claimed["id"],
        run=claimed["run"],
        claim=claimed["claim"],
        tries=claimed["tries"],
        created_by=task["created_by"],
        request_id=claimed["request_id"],
        brief=brief,
        model=outage.in_order(brief)[0],
        call_id=new_id("call", now()),
        escalation=escalations.get(claimed["escalation_id"]),
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


def _tell(
    writes: Writes,
    task: dict[str, Any],
    claimed: RowMapping,
    work: Work,
    asked: Told,
    at: datetime,
) -> None:
    role = claimed["role"]
    roles = roles_for(current().configuration.workflows, task["type"], task["assignee_role"], role)
    changes: dict[str, Any] = {
        "progress_percentage": percentage(roles, role, task["progress_percentage"]),
        "progress_stage": role,
        "progress_message": _DOING[role],
        "model_tier": work.brief.tier,
    }
    told: TaskEvent = "task.progress"
    if task["state"] == "queued":
        changes |= {"state": "running", "started_at": at}
        told = "task.started"
    named = {**summary(claimed), "tier": work.brief.tier, "worker": claimed["claimed_by"]}
    started = NewEvent("submission.started", named)
    change_task(writes, task, at, changes, [*asked, told, started])


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
