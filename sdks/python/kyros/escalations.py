"""`client.escalations`: requests for the premium tier."""

from typing import Optional

from kyros.address import segment
from kyros.method import listing, method
from kyros.models.tasks import Escalation
from kyros.pages import AsyncPages
from kyros.resource import K, Resource


class Escalations(Resource[K]):
    """Ask for the premium tier, and decide who gets it."""

    @method
    async def submit(
        self,
        task_id: str,
        reason: str,
        priority: Optional[str] = None,
        *,
        idempotency_key: Optional[str] = None,
    ) -> Escalation:
        """Asks for the premium tier; the task pauses until it is decided."""
        body = {"task_id": task_id, "reason": reason, "priority": priority}
        return await self._post(Escalation, "/escalations", body, idempotency_key)

    @listing
    def list(
        self,
        *,
        status: Optional[str] = None,
        task_id: Optional[str] = None,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> AsyncPages[Escalation]:
        """The escalations that pass the filters, newest first."""
        return self._list(
            Escalation, "/escalations", "escalations", limit, cursor, status=status, task_id=task_id
        )

    @method
    async def get(self, escalation_id: str) -> Escalation:
        """One escalation."""
        return await self._get(Escalation, _path(escalation_id))

    @method
    async def approve(
        self,
        escalation_id: str,
        comment: Optional[str] = None,
        *,
        idempotency_key: Optional[str] = None,
    ) -> Escalation:
        """Lets the premium tier take over. Raises ConflictError when it is decided already."""
        path = f"{_path(escalation_id)}/approve"
        return await self._post(Escalation, path, {"comment": comment}, idempotency_key)

    @method
    async def reject(
        self,
        escalation_id: str,
        comment: Optional[str] = None,
        *,
        idempotency_key: Optional[str] = None,
    ) -> Escalation:
        """Refuses the premium tier. Raises ConflictError when it is decided already."""
        path = f"{_path(escalation_id)}/reject"
        return await self._post(Escalation, path, {"comment": comment}, idempotency_key)


def _path(escalation_id: str) -> str:
    return f"/escalations/{segment('escalation_id', escalation_id)}"
