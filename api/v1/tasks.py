"""`/v1/tasks`: the customer's work, from its creation to its result."""

from flask import Response, request

from api import watch
from api.answer import success
from api.caller import caller, requires
from api.documentation import IDEMPOTENT, WITH_BODY, api_blueprint, event_stream, responses
from api.idempotency import Made, has_key, once
from api.request_id import request_id
from api.v1.monitoring import TaskCosts
from api.v1.task_answers import TaskBatch, TaskPage, TaskPath, TaskRecord, TaskStatus, Timeline
from kyros_worker.cost import report
from kyros_worker.database import Connection, read
from kyros_worker.errors import FieldError, InvalidError
from kyros_worker.schemas import NoBody
from kyros_worker.task import cancel, create, queries, reopen
from kyros_worker.task.schemas import NewTask, NewTasks, TaskFilter, TimelinePage, Wait

blueprint = api_blueprint("tasks", __name__, "Pieces of work, and what became of them.")


@blueprint.post(
    "/tasks", responses=responses(TaskRecord, 201, 409, *WITH_BODY), openapi_extensions=IDEMPOTENT
)
@requires("tasks:write")
def create_task(body: NewTask) -> Response:
    """Create a task: it is queued at once for the first role of its workflow."""
    who, asked_by = caller(), request_id()
    if body.dedupe_key is None and not has_key():
        return success(create.create_task(body, who, asked_by), 201)

    def work(connection: Connection) -> Made:
        return Made(create.create_tasks(connection, [body], who, asked_by, place="")[0])

    return once(work)


@blueprint.post(
    "/tasks/batch",
    responses=responses(TaskBatch, 201, 409, *WITH_BODY),
    openapi_extensions=IDEMPOTENT,
)
@requires("tasks:write")
def create_task_batch(body: NewTasks) -> Response:
    """Create up to 1,000 tasks, all or none; the answer has them in the order sent."""
    who, asked_by = caller(), request_id()

    def work(connection: Connection) -> Made:
        return Made({"tasks": create.create_tasks(connection, body.tasks, who, asked_by)})

    return once(work)


@blueprint.get("/tasks", responses=responses(TaskPage))
@requires("tasks:read")
def list_tasks(query: TaskFilter) -> Response:
    """List tasks, newest first."""
    with read() as connection:
        return success(queries.list_tasks(connection, caller().mode, query))


@blueprint.get("/tasks/<task_id>", responses=responses(TaskRecord, 200, 404))
@requires("tasks:read")
def get_task(path: TaskPath, query: Wait) -> Response:
    """Get a task with its result; `wait` answers as soon as the task is final."""
    mode = caller().mode

    def answer() -> Response:
        with read() as connection:
            return success(queries.get_task(connection, path.task_id, mode))

    return watch.when_final(path.task_id, mode, query.wait, answer)


@blueprint.get("/tasks/<task_id>/costs", responses=responses(TaskCosts, 200, 404))
@requires("tasks:read")
def get_task_costs(path: TaskPath) -> Response:
    """Get what a task cost: in all, by model, role and tier, and what was saved."""
    mode = caller().mode
    with read() as connection:
        queries.get_standing(connection, path.task_id, mode)
        return success(report.task_costs(connection, path.task_id, mode))


@blueprint.get("/tasks/<task_id>/status", responses=responses(TaskStatus, 200, 404))
@requires("tasks:read")
def get_task_status(path: TaskPath, query: Wait) -> Response:
    """Get a task's status and progress alone, the small answer to poll."""
    mode = caller().mode

    def answer() -> Response:
        with read() as connection:
            return success(queries.get_status(connection, path.task_id, mode))

    return watch.when_final(path.task_id, mode, query.wait, answer)


@blueprint.get("/tasks/<task_id>/timeline", responses=responses(Timeline, 200, 404))
@requires("tasks:read")
def get_task_timeline(path: TaskPath, query: TimelinePage) -> Response:
    """Get everything that happened to a task, oldest first."""
    with read() as connection:
        page = queries.get_timeline(
            connection, path.task_id, caller().mode, query.cursor, query.limit
        )
    return success(page)


@blueprint.get("/tasks/<task_id>/stream", responses=event_stream(404))
@requires("tasks:read")
def stream_task(path: TaskPath) -> Response:
    """Follow a task's timeline live; `Last-Event-ID` resumes after that `seq`."""
    return watch.stream(path.task_id, caller().mode, _last_event_id())


@blueprint.post(
    "/tasks/<task_id>/cancel",
    responses=responses(TaskRecord, 200, 404, 409, *WITH_BODY),
    openapi_extensions=IDEMPOTENT,
)
@requires("tasks:write")
def cancel_task(path: TaskPath, body: NoBody) -> Response:  # noqa: ARG001
    """Cancel an unfinished task; its running model call is abandoned within two seconds."""
    mode, asked_by = caller().mode, request_id()

    def work(connection: Connection) -> Made:
        cancel.cancel_task(connection, path.task_id, mode, request_id=asked_by)
        return Made(queries.get_task(connection, path.task_id, mode), status=200)

    return once(work)


@blueprint.post(
    "/tasks/<task_id>/retry",
    responses=responses(TaskRecord, 200, 404, 409, *WITH_BODY),
    openapi_extensions=IDEMPOTENT,
)
@requires("tasks:write")
def retry_task(path: TaskPath, body: NoBody) -> Response:  # noqa: ARG001
    """Start a failed or cancelled task again."""
    mode, asked_by = caller().mode, request_id()

    def work(connection: Connection) -> Made:
        reopen.retry_task(connection, path.task_id, mode, asked_by)
        return Made(queries.get_task(connection, path.task_id, mode), status=200)

    return once(work)


def _last_event_id() -> int:
    value = request.headers.get("Last-Event-ID", "0")
    if not (value.isascii() and value.isdigit() and len(value) < 10):  # noqa: PLR2004 - an int4
        message = "must be the number of an event of this task"
        raise InvalidError(
            f"Last-Event-ID {message}.", details=[FieldError("Last-Event-ID", message)]
        )
    return int(value)
