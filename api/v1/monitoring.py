"""`/v1/monitoring`: what the fleet does, and what it costs."""

from typing import Any, Literal

from flask import Response
from pydantic import BaseModel, Field

from api.answer import success
from api.caller import caller, requires
from api.documentation import api_blueprint, responses
from kyros_worker import cursor, readiness
from kyros_worker.auth.subject import Mode
from kyros_worker.cost import report
from kyros_worker.cost.report import Period
from kyros_worker.database import read
from kyros_worker.monitoring.alerts import AlertStatus, newest_alerts
from kyros_worker.monitoring.health import Overall, Status, read_health
from kyros_worker.monitoring.metrics import metrics
from kyros_worker.schemas import Page, Query

blueprint = api_blueprint("monitoring", __name__, "What happens, and what it costs.")


class CostPeriod(Query):
    """Over how long."""

    period: Period = Field("1d", description="The time that ends now.")


class CostSum(BaseModel):
    """Calls that have ended, together."""

    cost: float = Field(description="USD.")
    calls: int
    input_tokens: int
    output_tokens: int


class CostStep(BaseModel):
    """One step of the period; all have the same length."""

    at: str = Field(description="Its beginning.")
    cost: float
    calls: int


class CostSavings(BaseModel):
    """An estimate of what was saved against using premium models for everything."""

    vs_premium_only: float = Field(description="USD; negative when the hybrid cost more.")
    percentage: float = Field(description="Of `premium_only_cost`; 0 when that is 0.")
    premium_only_cost: float = Field(
        description="What the accepted answers' tokens cost at their roles' premium prices."
    )
    not_compared_answers: int = Field(
        description="Accepted answers without a known premium price; they count as saving nothing."
    )
    estimate: Literal[True]


class TaskBudget(BaseModel):
    """Limits in USD; one that is not set is left out."""

    soft: float | None = None
    hard: float | None = None


class DayBudget(TaskBudget):
    """The limits of today (UTC), and what counts to them."""

    day: str
    spent: float = Field(description="USD, with what running calls may still cost at most.")


class CostBudget(BaseModel):
    """The budgets that are set; the others are left out."""

    day: DayBudget | None = None
    key_day: DayBudget | None = Field(None, description="The calling key's.")
    task: TaskBudget | None = None


class CostSums(BaseModel):
    """What calls that have ended cost."""

    mode: Mode = Field(description="The money of test mode is nobody's.")
    currency: Literal["USD"]
    total_cost: float
    calls: int
    unpriced_calls: int = Field(description="Calls whose price is not known; no cost has them.")
    estimated_calls: int = Field(
        description="Calls that reported no usage; they count at the most that they could cost."
    )
    estimated_cost: float = Field(description="The part of `total_cost` that is such an estimate.")
    by_model: dict[str, CostSum] = Field(description="By `provider:model`, the dearest first.")
    by_role: dict[str, CostSum]
    by_tier: dict[str, CostSum]
    savings: CostSavings


class Costs(CostSums):
    """What the calls that began in the period and have ended cost, in the caller's mode."""

    period: Period
    begin: str = Field(alias="from")
    to: str
    series: list[CostStep]
    budget: CostBudget


class TaskCosts(CostSums):
    """What the calls of one task cost, all runs of it."""

    task_id: str


class MetricsPeriod(Query):
    """Over how long."""

    period: Period = Field("1d", description="The time that ends with the minute that is open.")


class MetricStep(BaseModel):
    """One step of the period; all have the same length."""

    at: str = Field(description="Its beginning.")
    value: float = Field(description="The average of its samples; 0 without any.")
    samples: int


class Metric(BaseModel):
    """A metric over the period; without any sample all numbers are 0."""

    average: float = Field(description="Over all samples, not over the steps.")
    current: float = Field(description="Of the newest step that has samples.")
    minimum: float
    maximum: float
    samples: int = Field(description="How many tasks, calls, attempts or measurements.")
    series: list[MetricStep]


class MetricsFound(BaseModel):
    """Rates are percentages, times are seconds."""

    task_completion_rate: Metric = Field(
        description="Of the tasks that completed or failed, those that completed."
    )
    average_response_time: Metric = Field(
        description="From creation to end, of the tasks that ended; the bounds are single tasks'."
    )
    escalation_rate: Metric = Field(
        description="Of the tasks that completed or failed, those that had gone to premium."
    )
    queue_depth: Metric = Field(
        description="Submissions that waited for a worker, measured each minute; `current` is now."
    )
    webhook_success_rate: Metric = Field(
        description="Of the attempts to deliver, those that were answered with 2xx."
    )
    webhook_delivery_rate: Metric = Field(
        description="Of the deliveries that ended, those that were delivered."
    )
    model_error_rate: Metric = Field(
        description="Of the model calls that began then and have ended, those with an error."
    )
    average_model_latency: Metric = Field(description="Of the model calls that told it.")


class Metrics(BaseModel):
    """What was measured over the period, in the caller's mode."""

    period: Period
    begin: str = Field(alias="from")
    to: str
    mode: Mode
    metrics: MetricsFound


class AlertPage(Page):
    """Which alerts, newest first."""

    status: AlertStatus | None = Field(None, description="`raised` are those that are open.")


class Alert(BaseModel):
    """Something that people should look at, or should have."""

    id: str
    alert: str = Field(description="What it is of: its kind, and whom it concerns.")
    kind: str
    message: str = Field(description="A sentence, as when it was raised.")
    mode: Mode | None = Field(description="Null when it concerns both.")
    status: AlertStatus
    raised_at: str
    resolved_at: str | None
    data: dict[str, Any] = Field(description="The figures that the event told.")


class Alerts(BaseModel):
    """A page of alerts, newest first."""

    alerts: list[Alert]
    next_cursor: str | None
    has_more: bool


class ComponentHealth(BaseModel):
    """How one component is."""

    status: Status = Field(description="`unknown` is what only a database that is away could tell.")


class WorkersHealth(ComponentHealth):
    """How the workers of a role are."""

    count: int | None = Field(description="How many were seen within 15 s.")
    busy: int | None = Field(description="How many have submissions in hand.")


class QueueHealth(ComponentHealth):
    """How long submissions wait for a worker."""

    waiting: int | None = Field(description="Submissions that are due, of all roles.")
    oldest_waiting_seconds: float | None


class WebhooksHealth(ComponentHealth):
    """How the fleet is that delivers."""

    count: int | None = Field(description="How many workers were seen within 15 s.")
    due: int | None = Field(description="Deliveries that are due and not begun.")
    oldest_due_seconds: float | None


class RolesHealth(BaseModel):
    """How the workers of each role are."""

    implementer: WorkersHealth
    critic: WorkersHealth
    integrator: WorkersHealth


class LeftAloneModel(BaseModel):
    """A live model that is not called for a while, since its provider failed again and again."""

    model: str = Field(description="`provider:name`")
    state: Literal["open", "half_open"]
    error_kind: str | None


class ModelsHealth(ComponentHealth):
    """How the live models are that the configuration names."""

    left_alone: list[LeftAloneModel]


class RateLimitsHealth(ComponentHealth):
    """Whether requests are counted."""

    let_through: int | None = Field(
        description="Requests that were not, since Redis did not answer, in all time."
    )


class ComponentsHealth(BaseModel):
    """How each component is."""

    database: ComponentHealth
    broker: ComponentHealth
    workers: RolesHealth
    queue: QueueHealth
    webhooks: WebhooksHealth
    models: ModelsHealth
    rate_limits: RateLimitsHealth


class MaintenanceHealth(BaseModel):
    """Whether workers may start anything new."""

    enabled: bool
    message: str | None


class Health(BaseModel):
    """How all of it is."""

    overall_status: Overall = Field(
        description="Without the database `unhealthy`; without any other component `degraded`."
    )
    components: ComponentsHealth
    maintenance: MaintenanceHealth | None = Field(description="Null while the database is away.")
    test_mode: bool = Field(
        description="Whether the whole deployment is in test mode: no model is configured."
    )
    version: str
    uptime_seconds: float = Field(description="Of the API's process that answers.")


@blueprint.get("/monitoring/health", responses=responses(Health))
@requires()
def get_health() -> Response:
    """Get how all of it is; 200 also when something is wrong."""
    return success(read_health(broker_answers=readiness.redis_answers()))


@blueprint.get("/monitoring/alerts", responses=responses(Alerts))
@requires("monitoring:read")
def list_alerts(query: AlertPage) -> Response:
    """List what people should look at, and should have: open alerts and resolved ones."""
    mode, scope = caller().mode, f"alerts {caller().mode} {query.status}"
    after = cursor.decode(query.cursor, scope) if query.cursor else None
    with read() as connection:
        found = newest_alerts(connection, mode, query.status, query.limit + 1, after)
    return success(cursor.page("alerts", found, query.limit, scope))


@blueprint.get("/monitoring/metrics", responses=responses(Metrics))
@requires("monitoring:read")
def get_metrics(query: MetricsPeriod) -> Response:
    """Get how well the work goes over a period: completion, times, escalations, queues."""
    with read() as connection:
        return success(metrics(connection, caller().mode, query.period))


@blueprint.get("/monitoring/costs", responses=responses(Costs))
@requires("monitoring:read")
def get_costs(query: CostPeriod) -> Response:
    """Get what was spent over a period: in all, by model, role and tier, and what was saved."""
    who = caller()
    with read() as connection:
        return success(report.costs(connection, who.mode, who.id, query.period))
