"""`client.tasks`: pieces of work."""

import inspect
import math
import re
import time
from typing import Any, AsyncGenerator, Callable, Dict, List, Mapping, Optional, Sequence, Union

from kyros import exact, retry
from kyros.address import segment
from kyros.api import Call
from kyros.errors import APIConnectionError, APITimeoutError, KyrosError, ServerError
from kyros.method import iterator, listing, method
from kyros.models.monitoring import TaskCosts
from kyros.models.tasks import Task, TaskEvent, TaskStatus
from kyros.pages import AsyncPages
from kyros.resource import K, Moment, Resource, given, rfc3339

#: A task to be created: typed, or as the API's JSON.
NewTask = Union[Task, Mapping[str, Any]]

_FINAL = ("completed", "failed")
#: How many seconds one request of `wait` waits, and fewer where somebody wants to hear of progress.
_WAIT_SECONDS = 30
_PROGRESS_SECONDS = 2
#: Where too many wait already the API answers at once: a loop takes a second at least.
_LEAST_SECONDS = 1.0


class Tasks(Resource[K]):
    """Create tasks, wait for them, follow them."""

    @method
    async def create(self, task: NewTask, *, idempotency_key: Optional[str] = None) -> Task:
        """Creates a task, queued at once.

        The same `idempotency_key` within 24 hours gives the same task; each call has its own by
        default. Raises ValidationError with every wrong field.
        """
        return await self._post(Task, "/tasks", _fields(task), idempotency_key)

    @method
    async def create_batch(
        self, tasks: Sequence[NewTask], *, idempotency_key: Optional[str] = None
    ) -> List[Task]:
        """Creates 1 to 1,000 tasks, all or none; gives them in the same order."""
        body = {"tasks": [_fields(task) for task in tasks]}
        call = Call("POST", "/tasks/batch", body=body, idempotency_key=idempotency_key)
        return await self.api.call(call, lambda data: [Task.read(one) for one in data["tasks"]])

    @method
    async def get(self, task_id: str) -> Task:
        """The task as it is now, with its `result` and `error`."""
        return await self._get(Task, _path(task_id))

    @method
    async def get_status(self, task_id: str) -> TaskStatus:
        """How the task stands: `status`, and `progress.percentage`."""
        return await self._get(TaskStatus, f"{_path(task_id)}/status")

    @method
    async def get_costs(self, task_id: str) -> TaskCosts:
        """What was spent on the task, on what, and what was saved, over all its runs."""
        return await self._get(TaskCosts, f"{_path(task_id)}/costs")

    @listing
    def list(
        self,
        *,
        status: Optional[str] = None,
        state: Optional[str] = None,
        type: Optional[str] = None,  # noqa: A002 - the API's word
        priority: Optional[str] = None,
        assignee_role: Optional[str] = None,
        created_after: Optional[Moment] = None,
        created_before: Optional[Moment] = None,
        q: Optional[str] = None,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
    ) -> AsyncPages[Task]:
        """The tasks that pass the filters, newest first; `limit` is how many come in a page.

        `q` are words in the title or the description.
        """
        return self._list(
            Task, "/tasks", "tasks", limit, cursor,
            status=status, state=state, type=type, priority=priority, assignee_role=assignee_role,
            created_after=rfc3339(created_after), created_before=rfc3339(created_before), q=q,
        )  # fmt: skip

    @method
    async def wait(
        self,
        task_id: str,
        *,
        on_progress: Optional[Callable[[Task], Any]] = None,
        timeout: Optional[float] = None,
    ) -> Task:
        """The task, as soon as it is completed or failed; a failed one raises nothing.

        `on_progress` is given the task at first and whenever its status or progress has changed;
        it may be a coroutine function on an AsyncKyrosClient. Raises APITimeoutError (code
        `wait_timeout`) when the task is not final after `timeout` seconds, or the API can't be
        asked again before; the task goes on. An API that fails at every try is that error, however
        much time is left.
        """
        end = math.inf if timeout is None else time.monotonic() + timeout
        if math.isnan(end):
            raise ValueError("timeout is not a number.")
        seen: Any = None
        while True:
            begun = time.monotonic()
            longest = _PROGRESS_SECONDS if on_progress else _WAIT_SECONDS
            task = await self._waited(task_id, int(max(0.0, min(longest, end - begun))), end)
            news = (task.status, task.progress)
            if on_progress and news != seen:
                heard = on_progress(task)
                if inspect.isawaitable(heard):
                    await heard
            seen = news
            now = time.monotonic()
            if task.status in _FINAL:
                return task
            if now >= end:
                raise APITimeoutError(
                    f"{task_id} is still {task.status} after {timeout:g} seconds; it goes on.",
                    code="wait_timeout",
                )
            if now < begun + _LEAST_SECONDS:
                await self.api.transport.pause(min(begun + _LEAST_SECONDS, end) - now)

    @iterator
    async def stream(
        self, task_id: str, *, last_event_id: Optional[Union[int, str]] = None
    ) -> AsyncGenerator[TaskEvent, None]:
        """What happens to the task, from its beginning and then live, until it is final.

        A broken stream is resumed, tried as often as any call. `last_event_id` is the `seq` of an
        event to begin after.
        """
        last = None if last_event_id is None else str(last_event_id)
        if last is not None and not re.fullmatch("[0-9]+", last):
            raise ValueError("last_event_id must be the seq of an event.")
        tries = 0
        while True:
            begun = math.inf
            messages = self.api.messages(f"{_path(task_id)}/stream", last)
            try:
                async for message in messages:
                    if message is None:
                        begun = time.monotonic()
                        continue
                    if message.event == "end":
                        return
                    tries = 0
                    last = message.id or last
                    yield _event(message.data)
                failure: KyrosError = APIConnectionError(
                    f"The stream of {task_id} ended before the task did.", code="connection_failed"
                )
            except KyrosError as error:
                failure = error
            finally:
                await messages.aclose()
            if retry.begins_anew(failure, time.monotonic() - begun):
                tries = 0
            await self.api.pause(failure, tries)
            tries += 1

    @listing
    def timeline(
        self, task_id: str, *, limit: Optional[int] = None, cursor: Optional[str] = None
    ) -> AsyncPages[TaskEvent]:
        """Everything that happened to the task, oldest first."""
        return self._list(TaskEvent, f"{_path(task_id)}/timeline", "events", limit, cursor)

    @method
    async def cancel(self, task_id: str, *, idempotency_key: Optional[str] = None) -> Task:
        """Cancels the task. Raises ConflictError when it is final already."""
        return await self._post(Task, f"{_path(task_id)}/cancel", {}, idempotency_key)

    @method
    async def retry(self, task_id: str, *, idempotency_key: Optional[str] = None) -> Task:
        """Starts a failed or cancelled task again. Raises ConflictError for any other."""
        return await self._post(Task, f"{_path(task_id)}/retry", {}, idempotency_key)

    async def _waited(self, task_id: str, seconds: int, end: float) -> Task:
        query = {"wait": seconds} if seconds else {}
        call = Call("GET", _path(task_id), query, waits=seconds, end=end)
        return await self.api.call(call, Task.read)


def _path(task_id: str) -> str:
    return f"/tasks/{segment('task_id', task_id)}"


def _fields(task: NewTask) -> Dict[str, Any]:
    return given(task.to_dict() if isinstance(task, Task) else task)


def _event(data: str) -> TaskEvent:
    try:
        return TaskEvent.read(exact.loads(data.encode()))
    except (ValueError, TypeError) as error:
        raise ServerError(
            "The stream told an event that is not the API's.", status=200, code="unreadable_answer"
        ) from error
