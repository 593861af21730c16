"""Whether what Kyros stands on answers now: Postgres and Redis."""

from functools import lru_cache

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from kyros_worker.database import read
from kyros_worker.settings import current

_ANSWER_SECONDS = 2


def silent() -> list[str]:
    """The names of those that do not answer; empty when all is well."""
    probes = {"Postgres": _postgres_answers, "Redis": redis_answers}
    return [name for name, answers in probes.items() if not answers()]


def _postgres_answers() -> bool:
    try:
        with read() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


def redis_answers() -> bool:
    """Whether the broker answers a ping within two seconds."""
    try:
        return bool(_redis().ping())
    except RedisError:
        return False


@lru_cache(maxsize=1)
def _redis() -> Redis:
    return Redis.from_url(
        current().required_redis_url(),
        socket_timeout=_ANSWER_SECONDS,
        socket_connect_timeout=_ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
