"""What the API tells, and what it is told: typed where it is known, kept where it is not.

Every model reads as attributes and as `model["name"]`, also fields that are newer than this
package; those are plain JSON. A known field that an answer leaves out is None. Words such as a
status are plain strings, because the API may learn new ones. Times are RFC 3339 text in UTC. Money
is a Decimal with exactly the digits that were sent; `to_dict()` gives the JSON itself.
"""

from kyros.models.access import ApiKey, Delivery, DeliveryAttempt, Replay, Webhook
from kyros.models.model import Model, Tree
from kyros.models.monitoring import (
    Budget,
    Costs,
    CostStep,
    CostSum,
    Health,
    Maintenance,
    Metric,
    MetricPoint,
    Metrics,
    Savings,
    TaskCosts,
)
from kyros.models.tasks import (
    Agent,
    AgentContext,
    AgentSubmission,
    Escalation,
    Progress,
    Task,
    TaskEvent,
    TaskStatus,
)

__all__ = [
    "Agent",
    "AgentContext",
    "AgentSubmission",
    "ApiKey",
    "Budget",
    "CostStep",
    "CostSum",
    "Costs",
    "Delivery",
    "DeliveryAttempt",
    "Escalation",
    "Health",
    "Maintenance",
    "Metric",
    "MetricPoint",
    "Metrics",
    "Model",
    "Progress",
    "Replay",
    "Savings",
    "Task",
    "TaskCosts",
    "TaskEvent",
    "TaskStatus",
    "Tree",
    "Webhook",
]
