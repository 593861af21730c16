"""How many messages wait in a queue on Redis."""

from collections.abc import Sequence

from redis import Redis

from kyros_worker.queue.names import PRIORITIES

#: kombu keeps a queue as a list for each priority; the first has the queue's own name.
_SEPARATOR = "\x06\x16"


def depths(redis: Redis, queues: Sequence[str]) -> dict[str, int]:
    """Each queue's waiting messages, of all priorities together; raises the broker's errors."""
    with redis.pipeline(transaction=False) as pipeline:
        for queue in queues:
            pipeline.llen(queue)
            for priority in range(1, len(PRIORITIES)):
                pipeline.llen(f"{queue}{_SEPARATOR}{priority}")
        lengths = pipeline.execute()
    width = len(PRIORITIES)
    return {
        queue: sum(lengths[position * width : (position + 1) * width])
        for position, queue in enumerate(queues)
    }
