"""Sending a Celery message as `send_task` does, without its looking up and declaring the queue."""

from celery import Celery
from kombu.messaging import Producer
from kombu.utils.uuid import uuid


def send_message(
    app: Celery, producer: Producer, job: str, queue: str, id_: str, *, shown: str, priority: int
) -> None:
    """Sends a message that holds one id; `shown` is its arguments as Flower shows them."""
    message = app.amqp.as_task_v2(
        uuid(), job, args=(id_,), argsrepr=shown, kwargsrepr="{}", ignore_result=True
    )
    producer.publish(  # type: ignore[no-untyped-call]
        message.body,
        serializer="json",
        headers=message.headers,
        # The nameless exchange hands a message to the queue that its routing key names.
        exchange="",
        routing_key=queue,
        priority=priority,
        **message.properties,
    )
