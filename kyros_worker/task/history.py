"""What happened to the tasks of a period, read in pages, and played again with other rules."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, bindparam, select

from kyros_worker.auth.subject import Mode
from kyros_worker.bulk import is_one_of
from kyros_worker.cost.tables import ModelCall
from kyros_worker.escalation.tables import Escalation
from kyros_worker.escalation.write import SYSTEM
from kyros_worker.ids import id_floor
from kyros_worker.rules import Rule
from kyros_worker.settings import current
from kyros_worker.submission.tables import Submission
from kyros_worker.task import ruling
from kyros_worker.task.escalate import TASK_BUDGET
from kyros_worker.task.replay import Asked, Call, History, Pass, Setting, replay
from kyros_worker.task.tables import Task
from kyros_worker.task.tally import Tally
from kyros_worker.words import Role

#: A task of the default workflow has a dozen rows at most; all of a page are in memory at once.
_PAGE = 500


def replay_history(
    connection: Connection, mode: Mode, since: datetime, until: datetime, rules: Sequence[Rule]
) -> Tally:
    """What the rules would have made of a mode's tasks that were created in the period.

    Two statements for each 500 tasks; a task that changes in between may be counted with its
    escalation and without what followed, or the other way round.
    """

    @cache
    def has_premium(role: Role) -> bool:
        return ruling.premium_model(role, mode) is not None

    setting = Setting(rules, current().configuration.workflows, has_premium)
    tally = Tally()
    for history in histories(connection, mode, since, until):
        tally.add(history, replay(history, setting))
    return tally


def histories(
    connection: Connection, mode: Mode, since: datetime, until: datetime, page: int = _PAGE
) -> Iterator[History]:
    """The mode's tasks that were created in the period, oldest first."""
    values: dict[str, Any] = {"mode": mode, "until": id_floor("task", until), "page": page}
    after = id_floor("task", since)
    while True:
        rows = connection.execute(_PASSES, values | {"after": after}).mappings().all()
        if not rows:
            return
        after = rows[-1]["task_id"]
        asked = _asked(connection, sorted({row["task_id"] for row in rows}))
        for task_id, of_task in groupby(rows, key=lambda row: row["task_id"]):
            yield _history(list(of_task), asked[task_id])


# An id of the period's first microsecond is above its floor, which lacks the last seven digits.
_page = (
    select(Task.id, Task.priority, Task.type, Task.complexity, Task.assignee_role)
    .where(
        Task.mode == bindparam("mode"),
        Task.id > bindparam("after"),
        Task.id < bindparam("until"),
    )
    .order_by(Task.id)
    .limit(bindparam("page"))
    .subquery()
)
#: A row for each call of each pass of a page's tasks; nothing of the long texts. Not prepared: how
#: large a page is decides how Postgres goes about it.
_PASSES = (
    select(
        _page.c.id.label("task_id"),
        _page.c.priority,
        _page.c.type,
        _page.c.complexity,
        _page.c.assignee_role,
        Submission.id.label("pass_id"),
        Submission.run,
        Submission.role,
        Submission.tier,
        Submission.revision,
        Submission.state.label("standing"),
        Submission.escalation_id,
        Submission.started_at,
        Submission.created_at,
        Submission.answer["confidence"].label("confidence"),
        Submission.answer["score"].label("score"),
        Submission.answer["decision"].label("decision"),
        Submission.decision["rule"].label("rule"),
        Submission.decision["outcome"].label("outcome"),
        ModelCall.tier.label("call_tier"),
        ModelCall.claim,
        ModelCall.state.label("call_state"),
        ModelCall.error_kind,
        ModelCall.cost_usd,
        ModelCall.premium_usd,
        ModelCall.ended_at,
    )
    .join(Submission, Submission.task_id == _page.c.id)
    .outerjoin(
        ModelCall, (ModelCall.submission_id == Submission.id) & ModelCall.ended_at.is_not(None)
    )
    .order_by(_page.c.id, Submission.id, ModelCall.claim, ModelCall.number)
)
_ASKED = (
    select(
        Escalation.id,
        Escalation.task_id,
        Escalation.run,
        Escalation.role,
        Escalation.rule,
        Escalation.status,
        Escalation.decided_by,
        Escalation.estimated_cost_usd,
        Escalation.created_at,
        Escalation.decided_at,
    )
    .where(is_one_of(Escalation.task_id, "ids"))
    .order_by(Escalation.id)
)


_BY: dict[str | None, Literal["person", "budget"]] = {None: "person", TASK_BUDGET: "budget"}


def _asked(connection: Connection, task_ids: list[str]) -> defaultdict[str, list[Asked]]:
    asked = defaultdict(list)
    for row in connection.execute(_ASKED, {"ids": task_ids}).mappings():
        asked[row["task_id"]].append(
            Asked(
                id=row["id"],
                run=row["run"],
                role=row["role"],
                by=_BY.get(row["rule"], "rule"),
                rule=row["rule"],
                automatic=row["decided_by"] == SYSTEM and row["status"] != "rejected",
                status=row["status"],
                estimated_cost_usd=row["estimated_cost_usd"],
                created_at=row["created_at"],
                decided_at=row["decided_at"],
            )
        )
    return asked


def _history(rows: list[RowMapping], asked: list[Asked]) -> History:
    by_id = {one.id: one for one in asked}
    passes = [
        _pass(list(of_pass), by_id) for _, of_pass in groupby(rows, key=lambda row: row["pass_id"])
    ]
    task = rows[0]
    return History(
        priority=task["priority"],
        type=task["type"],
        complexity=task["complexity"],
        assignee_role=task["assignee_role"],
        passes=tuple(passes),
        asked=tuple(asked),
    )


def _pass(rows: list[RowMapping], asked: dict[str, Asked]) -> Pass:
    one = rows[0]
    answered = one["standing"] == "completed"
    figures = {name: one[name] for name in ("confidence", "score", "decision")}
    return Pass(
        run=one["run"],
        role=one["role"],
        tier=one["tier"],
        revision=one["revision"],
        started=one["started_at"] is not None,
        answer=figures if answered else None,
        failed_by=one["rule"] if one["outcome"] == "fail" else None,
        asked=asked.get(one["escalation_id"]),
        created_at=one["created_at"],
        calls=tuple(_call(row) for row in rows if row["ended_at"] is not None),
    )


def _call(row: RowMapping) -> Call:
    return Call(
        tier=row["call_tier"],
        claim=row["claim"],
        state=row["call_state"],
        error_kind=row["error_kind"],
        cost_usd=row["cost_usd"],
        premium_usd=row["premium_usd"],
        ended_at=row["ended_at"],
    )
