"""What a load balancer and Prometheus ask, open to all: is it up, can it work, what does it do."""

from flask import Blueprint, Response, request

from api.answer import success
from api.caller import open_to_all
from kyros_worker import readiness
from kyros_worker.errors import UnavailableError
from kyros_worker.monitoring.exposition import exposition

blueprint = Blueprint("probes", __name__)


@blueprint.get("/healthz")
@open_to_all
def healthz() -> Response:
    """The process is up."""
    return success({"status": "up"})


@blueprint.get("/readyz")
@open_to_all
def readyz() -> Response:
    """Postgres and Redis answer, else 503 naming which doesn't."""
    if silent := readiness.silent():
        verb = "does" if len(silent) == 1 else "do"
        raise UnavailableError(f"{' and '.join(silent)} {verb} not answer.", code="not_ready")
    return success({"status": "ready"})


@blueprint.get("/metrics")
@open_to_all
def metrics() -> Response:
    """Every figure of the deployment, as Prometheus reads it; `kyros_up 0` without Postgres."""
    text, content_type = exposition.text(request.headers.get("Accept", ""))
    return Response(text, content_type=content_type)
