"""The command line's HTTP client: where the API is, with which key, and what its answers mean."""

import time
import uuid
from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import quote

import httpx

from kyros_worker import strict_json
from kyros_worker.command import event_stream
from kyros_worker.command.client_error import ApiError, ClientError, UnreachableError
from kyros_worker.command.server import Server
from kyros_worker.task.states import FINAL_STATES

Task = dict[str, Any]
Escalation = dict[str, Any]
Webhook = dict[str, Any]
Delivery = dict[str, Any]

#: The pauses in seconds before a request is sent again, where the answer names no other.
_PAUSES = (0.5, 1.0, 2.0, 4.0)
_LONGEST_PAUSE = 30.0
_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 30.0
#: A quiet stream carries a comment every ten seconds.
_STREAM_SECONDS = 30.0
_PAGE = 200

_MAINTENANCE = "/system/maintenance"

_OK = 200
_ERROR = 400
_CONFLICT = 409
_TOO_MANY = 429
_SERVER_ERROR = 500


class Client:
    """Talks to one API. What passes (429, 5xx, a broken connection) is tried again a few times.

    Every method raises ApiError for a refusal, UnreachableError when nothing answers, and
    ClientError for an answer that is not this API's. May be used by many threads.
    """

    def __init__(self, server: Server, *, connections: int = 64) -> None:
        self.server = server
        #: Whether anything answered yet: what has answered once may be restarting.
        self._reached = False
        self._http = httpx.Client(
            base_url=f"{server.url}/v1",
            headers={"Authorization": f"Bearer {server.key}"},
            timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=connections),
            # A proxy of the environment can't reach this machine's loopback.
            trust_env=not server.is_local,
        )

    def create(self, body: dict[str, Any], idempotency_key: str | None = None) -> Any:
        """Creates the task that `body` is, or those of `{"tasks": […]}`; gives the answer."""
        path = "/tasks/batch" if list(body) == ["tasks"] else "/tasks"
        return self._post(path, body, idempotency_key)

    def cancel(self, task_id: str) -> Task:
        """Cancels an unfinished task."""
        return self._task(self._post(f"{_path(task_id)}/cancel", {}))

    def retry(self, task_id: str) -> Task:
        """Starts a failed or cancelled task again."""
        return self._task(self._post(f"{_path(task_id)}/retry", {}))

    def task(self, task_id: str, wait: int = 0) -> Task:
        """The task, as soon as it is final or after `wait` seconds (60 at most)."""
        query = {"wait": wait} if wait else {}
        timeout = httpx.Timeout(wait + _ANSWER_SECONDS, connect=_CONNECT_SECONDS)
        return self._task(self._get(_path(task_id), query, timeout))

    def waited(self, task_id: str, wait: int) -> Task:
        """The same, but it takes a second at least, so that it can be asked in a loop.

        Where too many wait already, the API answers at once.
        """
        begun = time.monotonic()
        task = self.task(task_id, wait)
        if task["state"] not in FINAL_STATES:
            time.sleep(max(0.0, begun + 1 - time.monotonic()))
        return task

    def tasks(self, filters: dict[str, Any], limit: int) -> dict[str, Any]:
        """The newest tasks that pass the filters: `tasks`, `next_cursor`, `has_more`."""
        return self._pages("/tasks", "tasks", filters, limit)

    def timeline(self, task_id: str) -> dict[str, Any]:
        """All that happened to a task, oldest first: `events`, `next_cursor`, `has_more`."""
        return self._pages(f"{_path(task_id)}/timeline", "events", {}, None)

    def costs(self, period: str) -> dict[str, Any]:
        """What was spent over a period, in the key's mode."""
        return self._costs("/monitoring/costs", {"period": period})

    def task_costs(self, task_id: str) -> dict[str, Any]:
        """What a task cost."""
        return self._costs(f"{_path(task_id)}/costs", {})

    def _costs(self, path: str, query: dict[str, Any]) -> dict[str, Any]:
        found = self._get(path, query)
        if not isinstance(found, dict) or "total_cost" not in found:
            raise self._foreign()
        return found

    def escalations(self, filters: dict[str, Any], limit: int) -> dict[str, Any]:
        """The newest that pass the filters: `escalations`, `next_cursor`, `has_more`."""
        return self._pages("/escalations", "escalations", filters, limit)

    def alerts(self, filters: dict[str, Any], limit: int) -> dict[str, Any]:
        """The newest that pass the filters: `alerts`, `next_cursor`, `has_more`."""
        return self._pages("/monitoring/alerts", "alerts", filters, limit)

    def open_escalation(self, task_id: str) -> Escalation | None:
        """What a person is asked about a task, if anything."""
        asked = {"status": "requested", "task_id": task_id}
        found: list[Escalation] = self.escalations(asked, 1)["escalations"]
        return self._escalation(found[0]) if found else None

    def escalation(self, escalation_id: str) -> Escalation:
        """One escalation."""
        return self._escalation(self._get(_escalation_path(escalation_id), {}))

    def request_escalation(self, body: dict[str, Any]) -> Escalation:
        """Asks for the premium model for the task that `body` names; gives the escalation."""
        return self._escalation(self._post("/escalations", body))

    def decide_escalation(
        self, escalation_id: str, verb: Literal["approve", "reject"], comment: str | None
    ) -> Escalation:
        """Approves or rejects an escalation; gives it as it is then."""
        body = {} if comment is None else {"comment": comment}
        return self._escalation(self._post(f"{_escalation_path(escalation_id)}/{verb}", body))

    def webhooks(self, limit: int) -> dict[str, Any]:
        """The newest: `webhooks`, `next_cursor`, `has_more`."""
        return self._pages("/webhooks", "webhooks", {}, limit)

    def webhook(self, webhook_id: str) -> Webhook:
        """One webhook."""
        return self._webhook(self._get(_webhook_path(webhook_id), {}))

    def create_webhook(self, body: dict[str, Any]) -> Webhook:
        """Makes the webhook that `body` is; gives it with its secret."""
        return self._with_secret(self._post("/webhooks", body))

    def change_webhook(self, webhook_id: str, body: dict[str, Any]) -> Webhook:
        """Changes what `body` names; gives the webhook as it is then."""
        content = strict_json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = self._http.build_request(
            "PATCH", _webhook_path(webhook_id), content=content, headers=headers
        )
        return self._webhook(self._answer(request))

    def delete_webhook(self, webhook_id: str) -> Webhook:
        """Deletes a webhook; gives it as it was."""
        request = self._http.build_request("DELETE", _webhook_path(webhook_id))
        return self._webhook(self._answer(request))

    def rotate_webhook_secret(self, webhook_id: str) -> Webhook:
        """Makes a pending secret; gives the webhook with it."""
        return self._with_secret(self._post(f"{_webhook_path(webhook_id)}/rotate-secret", {}))

    def activate_webhook_secret(self, webhook_id: str) -> Webhook:
        """Has the pending secret sign alone."""
        return self._webhook(self._post(f"{_webhook_path(webhook_id)}/activate-secret", {}))

    def test_webhook(self, webhook_id: str) -> Delivery:
        """Sends the test event; gives its delivery."""
        return self._delivery(self._post(f"{_webhook_path(webhook_id)}/test", {}))

    def deliveries(self, webhook_id: str, limit: int) -> dict[str, Any]:
        """The newest of a webhook: `deliveries`, `next_cursor`, `has_more`."""
        return self._pages(f"{_webhook_path(webhook_id)}/deliveries", "deliveries", {}, limit)

    def redeliver(self, webhook_id: str, delivery_id: str) -> Delivery:
        """Sends a delivery again at once."""
        path = f"{_webhook_path(webhook_id)}/deliveries/{quote(delivery_id, safe='')}/redeliver"
        return self._delivery(self._post(path, {}))

    def replay_webhook(self, webhook_id: str, since: str) -> dict[str, Any]:
        """Sends everything since a time again; gives how many that are."""
        replayed = self._post(f"{_webhook_path(webhook_id)}/replay", {"since": since})
        if not isinstance(replayed, dict) or "deliveries" not in replayed:
            raise self._foreign()
        return replayed

    def maintenance(self) -> dict[str, Any]:
        """Whether maintenance is on, since when and why."""
        return self._maintenance(self._get(_MAINTENANCE, {}))

    def change_maintenance(self, body: dict[str, Any]) -> dict[str, Any]:
        """Turns maintenance on or off, as `body` says; gives the state."""
        return self._maintenance(self._post(_MAINTENANCE, body))

    def stream(self, task_id: str, after: int) -> Iterator[event_stream.Event]:
        """What happens to a task after the event `after`, live, as long as the connection lasts.

        The last event of a final task is `end`. Nothing is tried again here.
        """
        timeout = httpx.Timeout(_STREAM_SECONDS, connect=_CONNECT_SECONDS)
        headers = {"Last-Event-ID": str(after)}
        try:
            with self._http.stream(
                "GET", f"{_path(task_id)}/stream", headers=headers, timeout=timeout
            ) as response:
                if response.status_code != _OK:
                    response.read()
                    self._data(response)
                self._reached = True
                yield from event_stream.events(response.iter_bytes())
        except httpx.RequestError as error:
            raise self._unreachable() from error
        except ValueError as error:
            raise self._foreign() from error

    def _get(self, path: str, query: dict[str, Any], timeout: httpx.Timeout | None = None) -> Any:
        request = self._http.build_request(
            "GET", path, params=query, timeout=timeout or self._http.timeout
        )
        return self._answer(request)

    def _post(self, path: str, body: dict[str, Any], key: str | None = None) -> Any:
        headers = {
            "Content-Type": "application/json",
            # A request that is sent again is done once.
            "Idempotency-Key": key or f"kyros-cli-{uuid.uuid4()}",
        }
        content = strict_json.dumps(body).encode()
        return self._answer(
            self._http.build_request("POST", path, content=content, headers=headers)
        )

    def _pages(
        self, path: str, name: str, filters: dict[str, Any], limit: int | None
    ) -> dict[str, Any]:
        found: list[Any] = []
        query = dict(filters)
        while True:
            query["limit"] = _PAGE if limit is None else min(limit - len(found), _PAGE)
            page = self._get(path, query)
            try:
                found += page[name]
                more, query["cursor"] = page["has_more"], page["next_cursor"]
            except (KeyError, TypeError) as error:
                raise self._foreign() from error
            if not more or len(found) == limit:
                return {name: found, "next_cursor": query["cursor"], "has_more": more}

    def _answer(self, request: httpx.Request) -> Any:
        for pause in _PAUSES:
            try:
                response = self._http.send(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if not self._reached:
                    raise self._unreachable() from error
                time.sleep(pause)
            except httpx.RequestError:
                time.sleep(pause)
            else:
                self._reached = True
                if not _is_passing(response):
                    return self._data(response)
                time.sleep(_retry_after(response) or pause)
        try:
            return self._data(self._http.send(request))
        except httpx.RequestError as error:
            raise self._unreachable() from error

    def _data(self, response: httpx.Response) -> Any:
        try:
            answer = strict_json.loads_stored(response.text)
            if response.status_code < _ERROR:
                return answer["data"]
            refusal = ApiError.of(response.status_code, answer)
        except (ValueError, KeyError, TypeError) as error:
            raise self._foreign(response.status_code) from error
        raise refusal

    def _task(self, data: Any) -> Task:
        if not isinstance(data, dict) or "state" not in data:
            raise self._foreign()
        return data

    def _escalation(self, data: Any) -> Escalation:
        if not isinstance(data, dict) or "rule" not in data:
            raise self._foreign()
        return data

    def _webhook(self, data: Any) -> Webhook:
        if not isinstance(data, dict) or "events" not in data:
            raise self._foreign()
        return data

    def _with_secret(self, data: Any) -> Webhook:
        if "secret" not in self._webhook(data):
            raise self._foreign()
        return self._webhook(data)

    def _delivery(self, data: Any) -> Delivery:
        if not isinstance(data, dict) or "event_type" not in data:
            raise self._foreign()
        return data

    def _maintenance(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict) or "enabled" not in data:
            raise self._foreign()
        return data

    def _unreachable(self) -> UnreachableError:
        return UnreachableError(f"Nothing answers at {self.server.url}: {self.server.advice}.")

    def _foreign(self, status: int = _OK) -> ClientError:
        what = "" if status == _OK else f" (HTTP {status})"
        return ClientError(f"What answers at {self.server.url} is not the Kyros API{what}.")


def _path(task_id: str) -> str:
    return f"/tasks/{quote(task_id, safe='')}"


def _escalation_path(escalation_id: str) -> str:
    return f"/escalations/{quote(escalation_id, safe='')}"


def _webhook_path(webhook_id: str) -> str:
    return f"/webhooks/{quote(webhook_id, safe='')}"


def _is_passing(response: httpx.Response) -> bool:
    status = response.status_code
    # A 409 that names a pause says that the same request is at work this moment.
    waits = status == _CONFLICT and "Retry-After" in response.headers
    return waits or status == _TOO_MANY or status >= _SERVER_ERROR


def _retry_after(response: httpx.Response) -> float | None:
    """The pause in seconds that the answer asks for; None without one, or with a date."""
    value = response.headers.get("Retry-After", "")
    if not (value.isascii() and value.isdigit()):
        return None
    return min(float(value), _LONGEST_PAUSE)
