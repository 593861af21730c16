"""What the escalation rules say of a task at this moment, with its figures and its budgets."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from kyros_worker.agent import prompt
from kyros_worker.agent.brief import Brief
from kyros_worker.cost.spending import Spendings
from kyros_worker.decide import Budget, Situation, Spending, Verdict, approval, decide
from kyros_worker.model.catalog import ChosenModel, ModelNotConfiguredError, choose
from kyros_worker.model.failure import Failure
from kyros_worker.model.prices import cost_at_most
from kyros_worker.rules import Requests, Rule, When
from kyros_worker.settings import Role, current
from kyros_worker.task.workflow import Answer, Next


def at_start(task: dict[str, Any], brief: Brief, spent: Spendings, at: datetime) -> Verdict | None:
    """Whether a rule starts a role's economy work on premium."""
    target = Next(brief.role, brief.revision)
    if brief.tier != "economy" or not _may_ask(task, target.role):
        return None
    return _ruling(task, brief, target, situation_at_start(brief), spent, at)


def at_end(
    task: dict[str, Any],
    brief: Brief,
    answer: Answer | None,
    failure: Failure | None,
    target: Next,
    tries: int,
    spent: Spendings,
    at: datetime,
) -> Verdict | None:
    """What a rule makes of an economy answer or failure; `tries` failed before this one."""
    if brief.tier != "economy" or not _may_ask(task, target.role):
        return None
    kind = failure.kind if failure is not None else None
    situation = situation_at_end(brief, answer, tries, kind)
    return _ruling(task, brief, target, situation, spent, at)


def situation_at_start(brief: Brief) -> Situation:
    """What rules see before a role's work begins."""
    return Situation(
        moment="start",
        priority=cast("Any", brief.priority),
        type=brief.type,
        complexity=cast("Any", brief.complexity),
        role=brief.role,
    )


def situation_at_end(
    brief: Brief, answer: dict[str, Any] | None, tries: int, error_kind: Any
) -> Situation:
    """What rules see of an answer, or of a failed try."""
    begun = situation_at_start(brief)
    if answer is None:
        return begun.after_failure(brief.revision, tries + 1, error_kind)
    return begun.after_answer(brief.revision, answer)


def premium_model(role: Role, mode: Any) -> ChosenModel | None:
    """The role's premium model; None where none is configured."""
    try:
        return choose(role, "premium", mode)
    except ModelNotConfiguredError:
        return None


def estimate(task: dict[str, Any], role: Role, asked: str) -> Decimal | None:
    """What a premium call of the role with this prompt costs at most, in USD."""
    model = premium_model(role, task["mode"])
    return None if model is None else cost_at_most(model, asked)


def budget(
    task: dict[str, Any], estimated: Decimal | None, spent: Spendings, at: datetime
) -> Budget:
    """The limits that a premium call would count to, with what is spent of each."""
    budgets = current().configuration.budgets
    own = Spending("task", task["cost_usd"], budgets.task.soft, budgets.task.hard)
    days = (
        Spending(one.counter.limit, one.amount, one.limits.soft, one.limits.hard)
        for one in spent.standings(task, at)
    )
    return Budget(estimated, (own, *days))


def within_limits(options: Requests, budget: Budget) -> bool:
    """Whether a person's request is approved at once: what it costs is known, and allowed."""
    if options.max_cost_usd is None:
        return False
    rule = Rule(
        name="request", then="escalate", when=When(revisions=0), max_cost_usd=options.max_cost_usd
    )
    return approval(rule, budget) == "automatic"


def _may_ask(task: dict[str, Any], role: Role) -> bool:
    """Rules ask once a role and run, and not while somebody decides."""
    return role not in (task["asked_roles"] or ()) and task["escalation_id"] is None


def _ruling(
    task: dict[str, Any],
    brief: Brief,
    target: Next,
    situation: Situation,
    spent: Spendings,
    at: datetime,
) -> Verdict | None:
    rules = current().configuration.rules
    verdict = decide(rules, situation, Budget(None))
    if verdict is None or verdict.outcome == "fail":
        return verdict
    if premium_model(target.role, brief.mode) is None:
        return None
    asked = prompt.render(replace(brief, role=target.role, tier="premium"), None).text
    estimated = estimate(task, target.role, asked)
    return decide(rules, situation, budget(task, estimated, spent, at))
