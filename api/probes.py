"""What a load balancer asks, open to all: is the process up, and can it work."""

from flask import Blueprint, Response

from api.answer import success
from api.caller import open_to_all
from kyros_worker import readiness
from kyros_worker.errors import UnavailableError

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
