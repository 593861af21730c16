"""`/v1/monitoring`: what the fleet does, and what it costs."""

from typing import Literal

from flask import Response
from pydantic import BaseModel, Field

from api.answer import success
from api.caller import caller, requires
from api.documentation import api_blueprint, responses
from kyros_worker import readiness
from kyros_worker.auth.subject import Mode
from kyros_worker.cost import report
from kyros_worker.cost.report import Period
from kyros_worker.database import read
from kyros_worker.monitoring.health import Overall, Status, read_health
from kyros_worker.schemas import Query

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


class ComponentHealth(BaseModel):
    """How one component is."""

    status: Status = Field(description="`unknown` is what only a database that is away could tell.")


class WorkersHealth(ComponentHealth):
    """How the workers of a role are."""

    count: int | None = Field(description="How many were seen within 15 s.")


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


class ComponentsHealth(BaseModel):
    """How each component is."""

    database: ComponentHealth
    broker: ComponentHealth
    workers: RolesHealth
    webhooks: WorkersHealth = Field(description="The fleet that delivers.")
    models: ModelsHealth


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


@blueprint.get("/monitoring/costs", responses=responses(Costs))
@requires("monitoring:read")
def get_costs(query: CostPeriod) -> Response:
    """Get what was spent over a period: in all, by model, role and tier, and what was saved."""
    who = caller()
    with read() as connection:
        return success(report.costs(connection, who.mode, who.id, query.period))
