"""The second of a job's two short transactions: what came of its call, and what follows.

A reply is recorded under the claim that made the call. Without the lease only the call's own cost
is settled, and nothing else changes (design, law 4).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, select

from kyros_worker.agent.ask import Reply
from kyros_worker.agent.brief import EarlierCall
from kyros_worker.bulk import Writes, is_one_of
from kyros_worker.clock import now
from kyros_worker.cost.ledger import SHOWN, Settlement, open_call, settle_call, shown
from kyros_worker.cost.tables import ModelCall
from kyros_worker.event.write import NewEvent
from kyros_worker.ids import new_id
from kyros_worker.model.failure import Failure
from kyros_worker.model.prices import unpriced
from kyros_worker.model.usage import UNREPORTED
from kyros_worker.prepared import PREPARED
from kyros_worker.settings import Role, current
from kyros_worker.submission.claim import Held, finish, give_back
from kyros_worker.submission.create import (
    NewSubmission,
    add_submission,
    new_submission_row,
    queued_event,
)
from kyros_worker.submission.tables import Submission
from kyros_worker.task.change import TaskEvent, change_task, keep_task, lock_tasks, locking
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


@dataclass(frozen=True)
class Ended:
    """How a call ended: with a reply, or aborted (None) after so many seconds."""

    work: Work
    reply: Reply | None
    latency_seconds: float = 0


#: What became of the reply: written; only its cost was settled, for the lease was lost; of an
#: aborted call whether the submission was given back; or the call that is to be made next.
Recorded = Literal["recorded", "lost its lease", "given back", "aborted"] | Work


def record(connection: Connection, all_ended: Sequence[Ended]) -> list[Recorded]:
    """Records how calls ended and what follows, in their order."""
    tasks = lock_tasks(connection, _TASKS, ids=[ended.work.task_id for ended in all_ended])
    found = connection.execute(_CALLS, {"ids": [ended.work.call_id for ended in all_ended]})
    calls = {call["id"]: call for call in found.mappings()}
    writes = Writes()
    recorded = [
        # A call is settled once: what is recorded a second time finds none.
        _record(writes, tasks[ended.work.task_id], calls.pop(ended.work.call_id, None), ended)
        for ended in all_ended
    ]
    writes.execute(connection)
    return recorded


_TASKS = locking(is_one_of(Task.id, "ids"))
#: The calls that have not been settled, each with how its submission stands.
_CALLS = (
    select(*SHOWN, Submission.state.label("standing"), Submission.claim.label("held_claim"))
    .join(Submission, Submission.id == ModelCall.submission_id)
    .where(is_one_of(ModelCall.id, "ids"), ModelCall.latency_seconds.is_(None))
    .execution_options(**PREPARED)
)


def _record(
    writes: Writes, task: dict[str, Any], call: RowMapping | None, ended: Ended
) -> Recorded:
    work, reply, at = ended.work, ended.reply, now()
    lost: Recorded = "lost its lease" if reply else "aborted"
    if call is None:
        return lost
    settled = settle_call(writes, call, _settlement_of(ended), at)
    task["cost_usd"] += settled["cost_usd"] or 0
    keep_task(writes, task)
    if call["standing"] != "running" or call["held_claim"] != work.claim:
        return lost
    told = [NewEvent(f"call.{settled['state']}", shown(settled))]
    if reply is None:
        give_back(writes, _held(work))
        told.append(NewEvent("submission.released", _named(work)))
        change_task(writes, task, at, {}, told)
        return "given back"
    if reply.failure is not None and work.correction is None and _is_invalid(reply.failure):
        change_task(writes, task, at, {}, told)
        return _ask_again(writes, work, reply.failure, at)
    _follow(writes, task, work, reply, told, at)
    return "recorded"


def _is_invalid(failure: Failure) -> bool:
    """Whether the model is to be asked again at once: its answer was not of the asked form.

    Not when its answer was cut at the output limit: it would be cut, and paid, again.
    """
    return failure.kind == "invalid_output" and failure.retryable


def _ask_again(writes: Writes, work: Work, failure: Failure, at: datetime) -> Work:
    ended = (*work.brief.earlier_calls, EarlierCall(work.brief.role, work.brief.tier))
    again = replace(
        work,
        call_id=new_id("call", at),
        correction=failure.message,
        brief=replace(work.brief, earlier_calls=ended),
    )
    open_call(writes, new_call(again, number=2), at)
    return again


def _settlement_of(ended: Ended) -> Settlement:
    if ended.reply is not None:
        return settlement(ended.reply)
    missing = unpriced(ended.work.model, UNREPORTED)
    return Settlement("aborted", ended.latency_seconds, unpriced=missing)


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


def _decide(task: dict[str, Any], work: Work, given: Reply) -> Decision:
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


def _roles(task: dict[str, Any], role: Role) -> tuple[Role, ...]:
    workflows = current().configuration.workflows
    return roles_for(workflows, task["type"], task["assignee_role"], role)


def _follow(
    writes: Writes,
    task: dict[str, Any],
    work: Work,
    given: Reply,
    told: list[NewEvent],
    at: datetime,
) -> None:
    """Ends the claim, and writes what its outcome leads to."""
    decision = _decide(task, work, given)
    _end_claim(writes, work, given, decision)
    ended = "retrying" if isinstance(decision, TryAgain) else _end_state(given)
    events: list[NewEvent | TaskEvent] = [*told, NewEvent(f"submission.{ended}", _named(work))]
    match decision:
        case Next(role, revision):
            row = _next_row(task, work, decision, at)
            add_submission(writes, row)
            done = percentage(_roles(task, role), role, task["progress_percentage"])
            changes = {"submission_id": row["id"], "progress_percentage": done}
            changes |= _waiting(role, revision)
            events += ["task.progress", queued_event(row)]
        case TryAgain(pause):
            changes = stage("waiting", f"The {work.brief.role} tries again in {pause:g} s.")
            events.append("task.progress")
        case Complete(result):
            changes = completed(result, at)
            events.append("task.completed")
        case Fail(error):
            changes = failed(error, at)
            events.append("task.failed")
    change_task(writes, task, at, changes, events)


def _end_claim(writes: Writes, work: Work, given: Reply, decision: Decision) -> None:
    error = _error(given)
    if isinstance(decision, TryAgain):
        give_back(writes, _held(work), pause=decision.pause, tries=work.tries + 1, **error)
    else:
        finish(writes, _held(work), state=_end_state(given), answer=given.answer, **error)


def _held(work: Work) -> Held:
    return (work.submission_id, work.claim)


def _next_row(task: dict[str, Any], work: Work, following: Next, at: datetime) -> dict[str, Any]:
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


def _named(work: Work) -> dict[str, Any]:
    brief = work.brief
    return {
        "submission_id": work.submission_id,
        "role": brief.role,
        "tier": brief.tier,
        "revision": brief.revision,
    }
