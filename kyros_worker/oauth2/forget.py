"""Deleting what is over: used and expired codes and tokens, and grants that have none left.

A code or a refresh token is kept for a week after its own time, used or not: whoever comes with a
used one in that time still ends the grant. So a stolen refresh token is known for 37 days.
"""

from datetime import timedelta

from sqlalchemy import delete, func, select

from kyros_worker.clock import now
from kyros_worker.database import Connection
from kyros_worker.oauth2.tables import Code, Grant, Token

KEPT_FOR = timedelta(days=7)
#: Any number that no one else locks by.
_LOCK = 7_311_000_003


def forget_ended(connection: Connection, limit: int) -> int:
    """Deletes at most that many codes and as many tokens; how many of the most.

    One process at a time: of two that delete a grant's last token and its last code at once,
    neither would see that nothing is left of it.
    """
    if not connection.execute(select(func.pg_try_advisory_xact_lock(_LOCK))).scalar():
        return 0
    before = now() - KEPT_FOR
    counts: list[int] = []
    grants: set[str] = set()
    for table in (Token, Code):
        ended = (
            select(table.hash)
            .where(table.expires_at < before)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("ended")
        )
        gone = delete(table).where(table.hash == ended.c.hash).returning(table.grant_id)
        of_grants = connection.execute(gone).scalars().all()
        counts.append(len(of_grants))
        grants.update(of_grants)
    # A person's grant is made with a code, so it ends here. An application's for itself stays: it
    # is one a row, and is used again.
    if grants:
        connection.execute(
            delete(Grant).where(
                Grant.id.in_(grants),
                Grant.user_id.is_not(None),
                ~select(Token.hash).where(Token.grant_id == Grant.id).exists(),
                ~select(Code.hash).where(Code.grant_id == Grant.id).exists(),
            )
        )
    return max(counts)
