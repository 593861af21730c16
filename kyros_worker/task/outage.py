"""Which model a claimed submission calls, and what becomes of it while none may be called."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping

from kyros_worker.agent.brief import Brief
from kyros_worker.bulk import Writes
from kyros_worker.cost import breakers
from kyros_worker.cost.breakers import Breakers
from kyros_worker.event.write import NewEvent
from kyros_worker.model.breaker import is_fault, next_in_order
from kyros_worker.model.catalog import (
    ChosenModel,
    ModelNotConfiguredError,
    choose_in_order,
    nobody,
)
from kyros_worker.submission.claim import give_back
from kyros_worker.submission.create import summary
from kyros_worker.task.change import change_task
from kyros_worker.task.states import stage

WAITING_STAGE = "waiting_for_provider"


class Models:
    """The models of a transaction's claims, as far as they may be called.

    `found` is None where there is no live claim; `failed` is by which model's fault a submission
    was failed last.
    """

    def __init__(self, found: Breakers | None, failed: Mapping[str, str]) -> None:
        self._breakers = found
        self._failed = failed

    def choose(self, brief: Brief, submission_id: str, call_id: str) -> ChosenModel | None:
        """The first model in order that lets this call through; None where none does.

        In test mode always the sandbox, which has no breaker.
        """
        models = self._in_order(brief, submission_id)
        return (
            models[0] if self._breakers is None else self._breakers.first_through(models, call_id)
        )

    def wait(
        self,
        writes: Writes,
        task: dict[str, Any],
        claimed: RowMapping,
        brief: Brief,
        at: datetime,
    ) -> None:
        """Gives a submission back that no model lets through, due when the first may be asked.

        It is no failed try, and the task's deadline goes on counting.
        """
        assert self._breakers is not None, "only live work is ever not let through"
        models = self._in_order(brief, claimed["id"])
        pause = self._breakers.pause(models)
        give_back(writes, (claimed["id"], claimed["claim"]), pause=pause)
        if task["progress_stage"] != WAITING_STAGE:
            # Told when the waiting begins, not each time that it is asked again.
            names = " or ".join(model.full_name for model in models)
            changes = stage(WAITING_STAGE, f"Waiting until {names} can be called again.")
            waiting = NewEvent("submission.waiting_for_provider", summary(claimed))
            change_task(writes, task, at, changes, [waiting, "task.progress"])

    def _in_order(self, brief: Brief, submission_id: str) -> list[ChosenModel]:
        models = in_order(brief)
        failed = self._failed.get(submission_id)
        return next_in_order(models, next((m for m in models if m.full_name == failed), None))


def models_for(
    connection: Connection, claimed: Sequence[RowMapping], tasks: Mapping[str, dict[str, Any]]
) -> Models:
    """What these claims need to choose their models; no statement where none of them is live."""
    live = [one for one in claimed if tasks[one["task_id"]]["mode"] == "live"]
    if not live:
        return Models(None, {})
    retried = [one["id"] for one in live if is_fault(one["error_kind"])]
    failed = breakers.failed_by(connection, retried) if retried else {}
    return Models(breakers.read(connection), failed)


def in_order(brief: Brief) -> tuple[ChosenModel, ...]:
    """The configured models, or one that fails the call with its reason: it was there at intake."""
    try:
        return choose_in_order(brief.role, brief.tier, brief.mode)
    except ModelNotConfiguredError:
        return (nobody(brief.tier),)
