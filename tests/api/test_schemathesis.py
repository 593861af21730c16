"""The OpenAPI document and the API agree: whatever the document allows works, and nothing else."""

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.core.failures import AcceptedNegativeData, FailureGroup, ServerError
from schemathesis.openapi.checks import AllowHeaderMismatch, RejectedPositiveData
from sqlalchemy import text

from api.app import create_app
from kyros_worker.database import transaction
from kyros_worker.settings import current
from tests.credentials import KINDS, bearer

#: What is refused though its form is right, and no schema could say so: the place, and the words.
BEYOND_A_SCHEMA = (
    # Opaque: the answers give them out, and nobody makes them up.
    ("cursor", "is not a cursor of this list"),
    ("expires_at", "must be in the future"),
    ("remove", "which is given a value too"),
    # What is printed, and what is seen, depends on Unicode's tables.
    ("name", "must be 1 to 100 printable characters"),
    ("name", "must hold something to be seen"),
    # Whom a webhook may call depends on the deployment, and on more than a URL's form.
    ("url", "can't be called"),
    # The strict parser's own, which stands before every schema (contract, "Conventions").
    ("", "contains a NUL character"),
    # In test mode these keys steer the sandbox; in live mode they are free, as the document says.
    ("metadata.sandbox", ""),
)

# Read with the module, since each operation becomes a test, from an app of its own: the tests' app,
# which is then called, is made when there are stores.
with pytest.MonkeyPatch.context() as patched:
    patched.setenv("REDIS_URL", "redis://127.0.0.1:1")
    current.cache_clear()
    schema = schemathesis.openapi.from_wsgi("/openapi.json", create_app())
    #: For what differs by the credential alone: without the table of every field's bounds.
    drawn = schemathesis.openapi.from_wsgi("/openapi.json", create_app())
    drawn.config.phases.update(phases=["fuzzing"])
current.cache_clear()


def check(case, response, headers):
    try:
        case.validate_response(response, headers=headers)
    except FailureGroup as group:
        left = [one for one in group.exceptions if not expected(one, case, response)]
        if left:
            raise FailureGroup(left, str(group)) from None


def expected(failure, case, response):
    if isinstance(failure, RejectedPositiveData) and response.status_code == 422:
        wrong = json.loads(response.content)["details"]
        return all(
            any(
                place in one["field"] and words in one["message"]
                for place, words in BEYOND_A_SCHEMA
            )
            for one in wrong
        )
    if response.status_code == 413:
        # Bodies have a size, whatever they hold; 413 is a refusal as good as 422.
        return isinstance(failure, AcceptedNegativeData | RejectedPositiveData)
    if isinstance(failure, AcceptedNegativeData) and [] in (case.query or {}).values():
        # An empty list stands in no query string: what was sent is right.
        return True
    if isinstance(failure, ServerError):
        # Every place is taken, so a stream is refused, as the document says.
        return response.status_code == 503 and case.operation.path.endswith("/stream")
    # The path is also that of a task called `batch`, which is not there: GET gives its 404.
    return isinstance(failure, AllowHeaderMismatch) and case.operation.path == "/v1/tasks/batch"


# The same examples each time: a failure is then about the change, not about chance.
bounded = settings(max_examples=20, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def _maintenance_ends(no_tasks):
    """One of the calls turns it on."""
    yield
    with transaction() as connection:
        connection.execute(text("TRUNCATE maintenance"))


@schema.parametrize()
@bounded
def test_every_operation(case, app, admin, no_places):
    check(case, case.call(headers=admin, app=app), admin)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "api_key"])
@drawn.parametrize()
@settings(bounded, max_examples=3)
def test_with_the_credentials_of_people(case, app, kind, credential, no_places):
    headers = credential(kind)
    check(case, case.call(headers=headers, app=app), headers)


def test_calls_that_go_on_with_what_earlier_ones_made(app, new_key, no_places):
    # Without the calls that revoke keys: one of them could revoke its own.
    class Calls(schema.exclude(path_regex="api-keys").as_state_machine()):
        def setup(self):
            """Begins with nothing, not even an idempotency key: each scenario is as the first."""
            super().setup()
            self.headers = bearer(new_key("admin")["key"])
            with transaction() as connection:
                connection.execute(text("TRUNCATE tasks, events CASCADE"))

        def get_call_kwargs(self, case):
            return {"headers": self.headers, "app": app}

        def validate_response(self, response, case, **_):
            check(case, response, self.headers)

    Calls.run(settings=settings(bounded, stateful_step_count=12))
