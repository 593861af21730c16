"""`client.monitoring`: how the deployment is, and what it spends."""

from typing import Optional

from kyros.method import method
from kyros.models.monitoring import Costs, Health, Metrics
from kyros.resource import K, Resource


class Monitoring(Resource[K]):
    """Health, metrics and costs. A `period` is `1h`, `6h`, `1d`, `7d` or `30d`."""

    @method
    async def get_health(self) -> Health:
        """How every component is; degraded raises nothing."""
        return await self._get(Health, "/monitoring/health")

    @method
    async def get_metrics(self, period: Optional[str] = None) -> Metrics:
        """The figures of a period: `metrics.task_completion_rate.average`."""
        return await self._get(Metrics, "/monitoring/metrics", {"period": period})

    @method
    async def get_costs(self, period: Optional[str] = None) -> Costs:
        """What was spent in a period, on what, and what was saved."""
        return await self._get(Costs, "/monitoring/costs", {"period": period})
