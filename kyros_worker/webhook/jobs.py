"""The Celery entry point of the fleet `webhooks`."""

from typing import Any

from celery.signals import worker_shutting_down

from kyros_worker.queue.app import app
from kyros_worker.queue.names import DELIVER
from kyros_worker.webhook.deliver import deliverer


@app.task(name=DELIVER)  # type: ignore[untyped-decorator]
def deliver(webhook_id: str) -> str:
    """Delivers what is due to an endpoint. The message holds its id only."""
    return deliverer.take(webhook_id).result()


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _stop(**_: Any) -> None:
    deliverer.stop()
