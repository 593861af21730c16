"""The second of a job's two short transactions: what came of its call, and what follows.

A reply is recorded under the claim that made the call. Without the lease only the call's own cost
is settled, and nothing else changes (design, law 4).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, select

from kyros_worker.agent.ask import Reply
from kyros_worker.agent.brief import EarlierCall
from kyros_worker.bulk import Writes, is_one_of
from kyros_worker.clock import now
from kyros_worker.cost import breakers, spending
from kyros_worker.cost.ledger import (
    SHOWN,
    Settlement,
    committed,
    cost_of,
    open_call,
    settle_call,
    shown,
    unpriced_of,
)
from kyros_worker.cost.spending import Spendings
from kyros_worker.cost.tables import ModelCall
from kyros_worker.escalation.write import add_escalation, complete_escalation
from kyros_worker.event.write import NewEvent
from kyros_worker.ids import new_id
from kyros_worker.model.catalog import ModelNotConfiguredError, choose
from kyros_worker.model.failure import Failure
from kyros_worker.model.prices import cost, unpriced
from kyros_worker.model.usage import UNREPORTED
from kyros_worker.prepared import PREPARED
from kyros_worker.settings import current
from kyros_worker.submission.claim import Held, finish, give_back
from kyros_worker.submission.tables import Submission
from kyros_worker.task import budget, ruling
from kyros_worker.task.change import change_task, keep_task, lock_tasks, locking
from kyros_worker.task.escalate import Told, begin_escalated, by_rule, hold, park
from kyros_worker.task.follow import end_task, go_on, roles_of
from kyros_worker.task.start import Work, new_call
from kyros_worker.task.states import stage
from kyros_worker.task.tables import Task
from kyros_worker.task.workflow import (
    Complete,
    Decision,
    Escalate,
    Fail,
    Following,
    Hold,
    Next,
    Step,
    TryAgain,
    after_answer,
    after_failure,
    as_json,
    premium_target,
)


@dataclass(frozen=True)
class Ended:
    """How a call ended: with a reply, or aborted (None) after so many seconds."""

    work: Work
    reply: Reply | None
    latency_seconds: float = 0


#: What became of a submission: how it ended, or that it is tried again later; that the lease was
#: lost, so that only the call's cost was settled; of an aborted call whether it was given back.
Outcome = Literal["completed", "failed", "retrying", "lost its lease", "given back", "aborted"]
#: Or the call that is to be made next.
Recorded = Outcome | Work


def record(connection: Connection, all_ended: Sequence[Ended]) -> list[Recorded]:
    """Records how calls ended and what follows, in their order."""
    tasks = lock_tasks(connection, _TASKS, ids=[ended.work.task_id for ended in all_ended])
    found = connection.execute(_CALLS, {"ids": [ended.work.call_id for ended in all_ended]})
    calls = {call["id"]: call for call in found.mappings()}
    spent = _lock_spendings(connection, tasks, all_ended, calls)
    writes = Writes()
    breakers.note(connection, writes, _heard(all_ended, calls))
    recorded = [
        # A call is settled once: what is recorded a second time finds none.
        _record(
            connection,
            writes,
            tasks[ended.work.task_id],
            calls.pop(ended.work.call_id, None),
            ended,
            spent,
        )
        for ended in all_ended
    ]
    spent.write(writes, now())
    writes.execute(connection)
    return recorded


def _heard(
    all_ended: Sequence[Ended], calls: dict[str, RowMapping]
) -> list[tuple[RowMapping, Failure | None]]:
    """What the calls that have not been settled say of their models."""
    replied = [(ended.work.call_id, ended.reply) for ended in all_ended if ended.reply]
    return [(calls[call_id], reply.failure) for call_id, reply in replied if call_id in calls]


def _lock_spendings(
    connection: Connection,
    tasks: dict[str, dict[str, Any]],
    all_ended: Sequence[Ended],
    calls: dict[str, RowMapping],
) -> Spendings:
    """The counters of the days on which these calls began, and of today for a second call."""
    at, began = now(), [ended.work for ended in all_ended if ended.work.call_id in calls]
    days = [(tasks[work.task_id], calls[work.call_id]["started_at"]) for work in began]
    again = [(tasks[work.task_id], at) for work in began]
    return spending.lock(connection, current().configuration.budgets, [*days, *again])


_TASKS = locking(is_one_of(Task.id, "ids"))
#: The calls that have not been settled, each with how its submission stands.
_CALLS = (
    select(
        *SHOWN,
        ModelCall.started_at,
        Submission.state.label("standing"),
        Submission.claim.label("held_claim"),
        breakers.FAULTS,
    )
    .join(Submission, Submission.id == ModelCall.submission_id)
    .outerjoin(*breakers.OF_CALL)
    .where(is_one_of(ModelCall.id, "ids"), ModelCall.latency_seconds.is_(None))
    .execution_options(**PREPARED)
)


def _record(
    connection: Connection,
    writes: Writes,
    task: dict[str, Any],
    call: RowMapping | None,
    ended: Ended,
    spent: Spendings,
) -> Recorded:
    work, reply, at = ended.work, ended.reply, now()
    lost: Recorded = "lost its lease" if reply else "aborted"
    if call is None:
        return lost
    has_lease = call["standing"] == "running" and call["held_claim"] == work.claim
    decision = _decide(task, work, reply, call, spent, at) if has_lease and reply else None
    completes = isinstance(decision, Complete)
    settled = settle_call(writes, call, _settlement_of(ended, completes=completes), at)
    task["cost_usd"] += cost_of(settled) - cost_of(call)
    task["unpriced_calls"] += unpriced_of(settled) - unpriced_of(call)
    spent.correct(task, call["started_at"], cost_of(settled) - committed(call))
    keep_task(writes, task)
    if not has_lease:
        return lost
    told = [NewEvent(f"call.{settled['state']}", shown(settled))]
    if reply is None or decision is None:
        give_back(writes, _held(work))
        told.append(NewEvent("submission.released", _named(work)))
        change_task(writes, task, at, {}, told)
        return "given back"
    if reply.failure is not None and work.correction is None and _is_invalid(reply.failure):
        again = _ask_again(writes, task, work, reply.failure, spent, at)
        if again is not None:
            change_task(writes, task, at, {}, told)
            return again
    return _follow(connection, writes, task, work, reply, decision, told, at)


def _is_invalid(failure: Failure) -> bool:
    """Whether the model is to be asked again at once: its answer was not of the asked form.

    Not when its answer was cut at the output limit: it would be cut, and paid, again.
    """
    return failure.kind == "invalid_output" and failure.retryable


def _ask_again(
    writes: Writes,
    task: dict[str, Any],
    work: Work,
    failure: Failure,
    spent: Spendings,
    at: datetime,
) -> Work | None:
    """The second call of a claim; None where no budget has room: then it is a failed try."""
    ended = (*work.brief.earlier_calls, EarlierCall(work.brief.role, work.brief.tier))
    again = replace(
        work,
        call_id=new_id("call", at),
        correction=failure.message,
        brief=replace(work.brief, earlier_calls=ended),
    )
    call = new_call(again, number=2)
    needed = call.reserved_usd
    if budget.task_refusal(task, needed) or spent.reserve(task, at, needed):
        return None
    open_call(writes, call, at)
    return again


def _settlement_of(ended: Ended, *, completes: bool) -> Settlement:
    if ended.reply is not None:
        found = settlement(ended.reply)
        return replace(found, accepted=completes, premium_usd=_premium_usd(ended.work, ended.reply))
    missing = unpriced(ended.work.model, UNREPORTED)
    return Settlement("aborted", ended.latency_seconds, unpriced=missing)


def _premium_usd(work: Work, given: Reply) -> Decimal | None:
    """What the same tokens cost at the role's premium price; None where that is not known."""
    if not given.usage.reported:
        return None
    try:
        premium = choose(work.brief.role, "premium", work.brief.mode)
    except ModelNotConfiguredError:
        return None
    return cost(premium, given.usage)


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


def _decide(
    task: dict[str, Any],
    work: Work,
    given: Reply,
    call: RowMapping,
    spent: Spendings,
    at: datetime,
) -> Decision:
    """What follows: the workflow's own way, unless a rule or a person wants the premium tier."""
    brief = work.brief
    following = _following(task, work, given)
    if task["escalation_id"] is not None:
        return Hold(following)
    roles = roles_of(task, brief.role)
    refused = given.answer is not None and given.answer.get("decision") in ("refuse", "no_go")
    target = premium_target(roles, brief.role, brief.revision, refused=refused)
    counted = task | {"cost_usd": task["cost_usd"] + committed(call) - cost_of(call)}
    verdict = ruling.at_end(
        counted, brief, given.answer, given.failure, target, work.tries, spent, at
    )
    if verdict is None:
        return following
    if verdict.outcome == "fail":
        return Fail(f"The rule {verdict.rule} ends the task: {verdict.reason}", verdict)
    return Escalate(target, verdict, following)


def _following(task: dict[str, Any], work: Work, given: Reply) -> Following:
    if given.answer is None:
        assert given.failure is not None, "a reply is an answer or a failure"
        return after_failure(given.failure, work.tries, current().retry_pause_seconds)
    brief = work.brief
    step = Step(
        task_type=task["type"],
        roles=roles_of(task, brief.role),
        role=brief.role,
        revision=brief.revision,
        draft=brief.draft,
        verdict=brief.verdict,
    )
    return after_answer(step, given.answer)


def _follow(
    connection: Connection,
    writes: Writes,
    task: dict[str, Any],
    work: Work,
    given: Reply,
    decision: Decision,
    told: list[NewEvent],
    at: datetime,
) -> Literal["completed", "failed", "retrying"]:
    """Ends the claim, and writes what its outcome leads to; gives how it ended."""
    verdict = decision.verdict if isinstance(decision, Escalate | Fail) else None
    decided = None if verdict is None else verdict.to_json()
    _end_claim(writes, work, given, decision, decided)
    ended: Literal["completed", "failed", "retrying"] = (
        "retrying" if isinstance(decision, TryAgain) else _end_state(given)
    )
    events: Told = [*told, NewEvent(f"submission.{ended}", _named(work, decided))]
    if work.escalation is not None and not isinstance(decision, TryAgain):
        events.append(complete_escalation(writes, work.escalation, at))
    match decision:
        case Next():
            events += go_on(writes, task, decision, work.request_id, at)
        case TryAgain(pause):
            task |= stage("waiting", f"The {work.brief.role} tries again in {pause:g} s.")
            events.append("task.progress")
        case Complete() | Fail():
            events += end_task(writes, task, decision, at, (work.call_id, work.brief.role))
        case Escalate():
            events += _escalate(writes, task, work, decision, at)
        case Hold(otherwise):
            kept = as_json(otherwise, work.brief.role, work.brief.revision)
            events += hold(connection, writes, task, kept, at)
    change_task(writes, task, at, {}, events)
    return ended


def _escalate(
    writes: Writes, task: dict[str, Any], work: Work, decision: Escalate, at: datetime
) -> Told:
    row, events = by_rule(task, decision.target, decision.verdict, work.request_id, at)
    told: Told = [*events]
    if row["status"] == "approved":
        told += begin_escalated(writes, task, row, at)
    else:
        row |= {"otherwise": as_json(decision.otherwise, work.brief.role, work.brief.revision)}
        told += park(task, row)
    add_escalation(writes, row)
    return told


def _end_claim(
    writes: Writes,
    work: Work,
    given: Reply,
    decision: Decision,
    decided: dict[str, Any] | None,
) -> None:
    error = _error(given)
    if isinstance(decision, TryAgain):
        give_back(writes, _held(work), pause=decision.pause, tries=work.tries + 1, **error)
    else:
        finish(
            writes,
            _held(work),
            state=_end_state(given),
            answer=given.answer,
            decision=decided,
            **error,
        )


def _held(work: Work) -> Held:
    return (work.submission_id, work.claim)


def _named(work: Work, decided: dict[str, Any] | None = None) -> dict[str, Any]:
    brief = work.brief
    named = {
        "submission_id": work.submission_id,
        "role": brief.role,
        "tier": brief.tier,
        "revision": brief.revision,
    }
    return named if decided is None else named | {"decision": decided}
