"""The first admin key of a deployment."""

from sqlalchemy import func, select

from kyros_worker.audit.actor import SYSTEM
from kyros_worker.auth import api_key
from kyros_worker.auth.create import create
from kyros_worker.auth.tables import ApiKey
from kyros_worker.database import Connection
from kyros_worker.settings import Settings

#: Any number that no one else locks by: two processes that start at once make one key.
_LOCK = 7_311_000_001


def first_key(connection: Connection, settings: Settings) -> str | None:
    """Make the first admin key where there is none, and answer the secret this once; else None.

    It is `settings.bootstrap_api_key` where that is set, otherwise a generated one, in test mode
    when the whole deployment is.
    """
    key = settings.bootstrap_api_key or api_key.make("test" if settings.test_mode else "live")
    mode = api_key.mode_of(key)
    assert mode is not None, "settings have checked the prefix"
    connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    if connection.execute(select(ApiKey.id).limit(1)).first() is not None:
        return None
    create(connection, SYSTEM, name="first key", permissions=["admin"], mode=mode, key=key)
    return key
