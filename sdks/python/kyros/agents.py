"""`client.agents`: who does the work."""

from typing import Any, Mapping, Optional, Sequence, Union

from kyros.address import segment
from kyros.method import listing, method
from kyros.models.tasks import Agent, AgentContext, AgentSubmission
from kyros.pages import AsyncPages
from kyros.resource import K, Resource


class Agents(Resource[K]):
    """Submit tasks to roles, and register agents of your own."""

    @method
    async def submit(
        self,
        role: str,
        task_id: str,
        context: Optional[Union[AgentContext, Mapping[str, Any]]] = None,
        *,
        idempotency_key: Optional[str] = None,
    ) -> AgentSubmission:
        """Submits a task to a role, with what its model is shown.

        What has not started takes the context in; what runs is superseded.
        """
        body = {"task_id": task_id, "context": context}
        path = f"/agents/{segment('role', role)}/submit"
        return await self._post(AgentSubmission, path, body, idempotency_key)

    @listing
    def list(
        self, *, limit: Optional[int] = None, cursor: Optional[str] = None
    ) -> AsyncPages[Agent]:
        """The built-in roles and the registered agents.

        Raises NotFoundError for the present: the API of this version answers 404 to it.
        """
        return self._list(Agent, "/agents", "agents", limit, cursor)

    @method
    async def register(
        self,
        agent_id: str,
        capabilities: Sequence[str],
        status: str = "available",
        *,
        idempotency_key: Optional[str] = None,
    ) -> Agent:
        """Registers an agent, or again one that is registered.

        Raises NotFoundError for the present: the API of this version answers 404 to it.
        """
        body = {"agent_id": agent_id, "capabilities": capabilities, "status": status}
        return await self._post(Agent, "/agents/register", body, idempotency_key)
