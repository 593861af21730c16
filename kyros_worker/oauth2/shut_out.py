"""Keeping a person out: beside his sessions ends what he let applications do in his name.

Who only ended the sessions would leave whoever has a refresh token in for good.
"""

from typing import Any

from kyros_worker.audit.actor import Actor
from kyros_worker.database import Connection
from kyros_worker.oauth2.grants import end_all
from kyros_worker.user import accounts
from kyros_worker.user.password import PasswordHash


def disable(connection: Connection, actor: Actor, user_id: str) -> dict[str, Any]:
    """As `accounts.disable_user`; what was allowed stays ended when the user is enabled again."""
    user = accounts.disable_user(connection, actor, user_id)
    end_all(connection, actor, user_id)
    return user


def give_password(
    connection: Connection, actor: Actor, user_id: str, password_hash: PasswordHash
) -> dict[str, Any]:
    """As `accounts.set_password`."""
    user = accounts.set_password(connection, actor, user_id, password_hash)
    end_all(connection, actor, user_id)
    return user
