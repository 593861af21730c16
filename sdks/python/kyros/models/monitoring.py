"""How the deployment is, and what it spends."""

from decimal import Decimal
from typing import Any, Dict, List, Optional

from kyros.exact import money
from kyros.models.model import Model, Tree, by_name, each, one


class Maintenance(Model):
    """Whether workers may start anything new."""

    enabled: bool
    message: Optional[str]


class Health(Model, reads={"components": one(Tree), "maintenance": one(Maintenance)}):
    """How the deployment is. What is in `components` reads as attributes."""

    #: `healthy`, `degraded` or `unhealthy`.
    overall_status: str
    components: Tree
    #: None while the database is away.
    maintenance: Optional[Maintenance]
    version: str
    uptime_seconds: float
    test_mode: bool


class MetricPoint(Model):
    """A metric in one step of the period, from `at` on."""

    at: str
    value: float
    samples: int


class Metric(Model, reads={"series": each(MetricPoint)}):
    """A figure over a period: rates in percent, times in seconds; 0 without `samples`."""

    average: float
    current: float
    minimum: float
    maximum: float
    samples: int
    series: List[MetricPoint]


class Metrics(Model):
    """The figures by name; those that are newer than this package are there, too.

    `metrics["from"]` is where the period begins: the word is Python's own.
    """

    period: str
    to: str
    mode: str
    task_completion_rate: Metric
    average_response_time: Metric
    escalation_rate: Metric
    queue_depth: Metric
    webhook_success_rate: Metric
    webhook_delivery_rate: Metric
    model_error_rate: Metric
    average_model_latency: Metric

    @classmethod
    def read(cls, data: Any) -> "Metrics":
        """The figures of `metrics`, beside what is told of them."""
        beside = {name: value for name, value in data.items() if name != "metrics"}
        return super().read({**beside, **data["metrics"]})

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        return Metric.read(value) if isinstance(value, dict) else value


class CostSum(Model, reads={"cost": money}):
    """What was spent on something."""

    cost: Decimal
    calls: int
    input_tokens: int
    output_tokens: int


class CostStep(Model, reads={"cost": money}):
    """What was spent in one step of the period, from `at` on."""

    at: str
    cost: Decimal
    calls: int


class Savings(Model, reads={"vs_premium_only": money, "premium_only_cost": money}):
    """An estimate of what premium models alone would have cost more; it can be negative."""

    vs_premium_only: Decimal
    percentage: float
    premium_only_cost: Decimal
    #: Accepted answers without a known premium price; they count as saving nothing.
    not_compared_answers: int
    estimate: bool


class Budget(Model, reads={"soft": money, "hard": money, "spent": money}):
    """A limit, soft and hard, each None where it is not set; and what of a day's is spent."""

    soft: Optional[Decimal]
    hard: Optional[Decimal]
    #: None of a task's limit, as `day` is.
    spent: Optional[Decimal]
    day: Optional[str]


class _CostSums(
    Model,
    reads={
        "total_cost": money,
        "estimated_cost": money,
        "by_model": by_name(CostSum),
        "by_role": by_name(CostSum),
        "by_tier": by_name(CostSum),
        "savings": one(Savings),
    },
):
    mode: str
    currency: str
    total_cost: Decimal
    calls: int
    #: Calls whose price is not known; they are in no sum.
    unpriced_calls: int
    estimated_calls: int
    estimated_cost: Decimal
    by_model: Dict[str, CostSum]
    by_role: Dict[str, CostSum]
    by_tier: Dict[str, CostSum]
    savings: Savings


class Costs(_CostSums, reads={"series": each(CostStep), "budget": by_name(Budget)}):
    """What was spent over a period, in the key's mode. `costs["from"]` is where it begins."""

    period: str
    to: str
    series: List[CostStep]
    #: `day`, `key_day` and `task`, where there are such limits.
    budget: Dict[str, Budget]


class TaskCosts(_CostSums):
    """What was spent on one task, over all its runs."""

    task_id: str
