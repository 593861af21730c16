"""The second of a job's two short transactions: what came of the call, and what follows.

A reply is recorded under the claim that made the call. Without the lease only the call's own cost
is settled, and nothing else changes (design, law 4).
"""

from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, update

from kyros_worker.agent.ask import Reply
from kyros_worker.agent.brief import EarlierCall
from kyros_worker.clock import now
from kyros_worker.cost.ledger import Settlement, open_call, settle_call, shown
from kyros_worker.event.write import NewEvent
from kyros_worker.ids import new_id
from kyros_worker.model.prices import unpriced
from kyros_worker.model.usage import UNREPORTED
from kyros_worker.settings import Role, current
from kyros_worker.submission import claim
from kyros_worker.submission.create import (
    NewSubmission,
    insert_submissions,
    new_submission_row,
    queued_event,
)
from kyros_worker.task.change import TaskEvent, change_task, lock_task
from kyros_worker.task.start import Work, new_call
from kyros_worker.task.states import completed, failed, stage
from kyros_worker.task.tables import Task
from kyros_worker.task.workflow import (
    MAX_REVISIONS,
    Complete,
    Decision,
    Fail,
    Next,
    Step,
    TryAgain,
    after_answer,
    after_failure,
    percentage,
    roles_for,
)


def is_invalid(reply: Reply) -> bool:
    """Whether the model is to be asked again at once: its answer was not of the asked form.

    Not when its answer was cut at the output limit: it would be cut, and paid, again.
    """
    failure = reply.failure
    return failure is not None and failure.kind == "invalid_output" and failure.retryable


def reply(connection: Connection, work: Work, given: Reply) -> bool:
    """Records a reply and what follows from it; False when the lease was lost."""
    task = _locked(connection, work)
    settled = settle_call(connection, work.call_id, settlement(given), now())
    if settled is None:
        return False
    decision = _decide(task, work, given)
    if not _end_claim(connection, work, given, decision):
        _add_cost(connection, work, settled)
        return False
    ended = "retrying" if isinstance(decision, TryAgain) else _end_state(given)
    told = [_call_event(settled), NewEvent(f"submission.{ended}", _named(work))]
    _follow(connection, task, work, decision, told, **_with_cost(task, settled))
    return True


def abort(connection: Connection, work: Work, latency_seconds: float) -> bool:
    """Records that a call was aborted; True when its submission was given back to the queue.

    That is so at a shutdown. When the lease is gone there is nothing to give back.
    """
    task = _locked(connection, work)
    at = now()
    aborted = Settlement("aborted", latency_seconds, unpriced=unpriced(work.model, UNREPORTED))
    settled = settle_call(connection, work.call_id, aborted, at)
    if settled is None or not claim.give_back(connection, work.submission_id, work.claim):
        return False
    released = NewEvent("submission.released", _named(work))
    change_task(connection, task, at, {}, [_call_event(settled), released])
    return True


def ask_again(connection: Connection, work: Work, invalid: Reply) -> Work | None:
    """Records an answer that was not valid, and writes the second call; None without the lease."""
    task = _locked(connection, work)
    at = now()
    settled = settle_call(connection, work.call_id, settlement(invalid), at)
    if settled is None or invalid.failure is None:
        return None
    if not claim.still_held(connection, [(work.submission_id, work.claim)]):
        _add_cost(connection, work, settled)
        return None
    ended = (*work.brief.earlier_calls, EarlierCall(work.brief.role, work.brief.tier))
    again = replace(
        work,
        call_id=new_id("call", at),
        correction=invalid.failure.message,
        brief=replace(work.brief, earlier_calls=ended),
    )
    open_call(connection, new_call(again, number=2), at)
    change_task(connection, task, at, _with_cost(task, settled), [_call_event(settled)])
    return again


def settlement(given: Reply) -> Settlement:
    """What a reply says of its call."""
    ended = Settlement(
        state=_end_state(given),
        latency_seconds=given.latency_seconds,
        answer=given.text,
        unpriced=given.unpriced,
        **_error(given),
    )
    usage = given.usage
    if not usage.reported:
        return ended
    return replace(
        ended,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        cost_usd=given.cost_usd,
    )


def _end_state(given: Reply) -> Literal["completed", "failed"]:
    """How a call or a submission ended: a refusal is an answer too."""
    return "failed" if given.failure else "completed"


def _error(given: Reply) -> dict[str, Any]:
    failure = given.failure
    return {
        "error_kind": failure.kind if failure else None,
        "error": failure.message if failure else None,
    }


def _locked(connection: Connection, work: Work) -> RowMapping:
    task = lock_task(connection, work.task_id)
    assert task is not None, "tasks are never deleted"
    return task


def _with_cost(task: RowMapping, settled: RowMapping) -> dict[str, Any]:
    return {"cost_usd": task["cost_usd"] + (settled["cost_usd"] or 0)}


def _add_cost(connection: Connection, work: Work, settled: RowMapping) -> None:
    added = Task.cost_usd + (settled["cost_usd"] or 0)
    connection.execute(update(Task).where(Task.id == work.task_id).values(cost_usd=added))


def _decide(task: RowMapping, work: Work, given: Reply) -> Decision:
    if given.answer is None:
        assert given.failure is not None, "a reply is an answer or a failure"
        return after_failure(given.failure, work.tries, current().retry_pause_seconds)
    brief = work.brief
    step = Step(
        task_type=task["type"],
        roles=_roles(task, brief.role),
        role=brief.role,
        revision=brief.revision,
        draft=brief.draft,
        verdict=brief.verdict,
    )
    return after_answer(step, given.answer)


def _roles(task: RowMapping, role: Role) -> tuple[Role, ...]:
    workflows = current().configuration.workflows
    return roles_for(workflows, task["type"], task["assignee_role"], role)


def _end_claim(connection: Connection, work: Work, given: Reply, decision: Decision) -> bool:
    held = (work.submission_id, work.claim)
    error = _error(given)
    if isinstance(decision, TryAgain):
        return claim.give_back(
            connection, *held, pause=decision.pause, tries=work.tries + 1, **error
        )
    return claim.finish(connection, *held, state=_end_state(given), answer=given.answer, **error)


def _follow(
    connection: Connection,
    task: RowMapping,
    work: Work,
    decision: Decision,
    told: list[NewEvent],
    **cost: Any,
) -> None:
    at = now()
    events: list[NewEvent | TaskEvent]
    match decision:
        case Next(role, revision):
            row = _next_row(task, work, decision, at)
            insert_submissions(connection, [row])
            done = percentage(_roles(task, role), role, task["progress_percentage"])
            changes = {"submission_id": row["id"], "progress_percentage": done}
            changes |= _waiting(role, revision)
            events = [*told, "task.progress", queued_event(row)]
        case TryAgain(pause):
            changes = stage("waiting", f"The {work.brief.role} tries again in {pause:g} s.")
            events = [*told, "task.progress"]
        case Complete(result):
            changes = completed(result, at)
            events = [*told, "task.completed"]
        case Fail(error):
            changes = failed(error, at)
            events = [*told, "task.failed"]
    change_task(connection, task, at, changes | cost, events)


def _next_row(task: RowMapping, work: Work, following: Next, at: datetime) -> dict[str, Any]:
    new = NewSubmission(
        task_id=task["id"],
        run=task["run"],
        role=following.role,
        priority=task["priority"],
        request_id=work.request_id,
        revision=following.revision,
    )
    return new_submission_row(new, at)


def _waiting(role: str, revision: int) -> dict[str, Any]:
    again = f", revision {revision} of {MAX_REVISIONS}" if role == "implementer" else ""
    return stage(role, f"Waiting for the {role}{again}.")


def _call_event(settled: RowMapping) -> NewEvent:
    return NewEvent(f"call.{settled['state']}", shown(settled))


def _named(work: Work) -> dict[str, Any]:
    brief = work.brief
    return {
        "submission_id": work.submission_id,
        "role": brief.role,
        "tier": brief.tier,
        "revision": brief.revision,
    }
