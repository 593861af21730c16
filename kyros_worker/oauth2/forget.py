"""Deleting what is over: used and expired codes and tokens, and grants that have none left.

A code or a refresh token is kept for a week after its own time, used or not: whoever comes with a
used one in that time still ends the grant. So a stolen refresh token is known for 37 days.
"""

from datetime import timedelta

from sqlalchemy import delete, select

from kyros_worker.clock import now
from kyros_worker.database import Connection
from kyros_worker.oauth2.tables import Code, Grant, Token

KEPT_FOR = timedelta(days=7)


def forget_ended(connection: Connection, limit: int) -> int:
    """Deletes at most that many of each; how many of the most."""
    before = now() - KEPT_FOR
    counts: list[int] = []
    for table in (Token, Code):
        ended = (
            select(table.hash)
            .where(table.expires_at < before)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("ended")
        )
        counts.append(connection.execute(delete(table).where(table.hash == ended.c.hash)).rowcount)
    # An application's grant for itself stays: it is one a row, and is used again.
    empty = (
        select(Grant.id)
        .where(
            Grant.user_id.is_not(None),
            Grant.created_at < before,
            ~select(Token.hash).where(Token.grant_id == Grant.id).exists(),
            ~select(Code.hash).where(Code.grant_id == Grant.id).exists(),
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("empty")
    )
    counts.append(connection.execute(delete(Grant).where(Grant.id == empty.c.id)).rowcount)
    return max(counts)
