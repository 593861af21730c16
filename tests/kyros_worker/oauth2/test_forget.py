from datetime import timedelta

import pytest
from sqlalchemy import func, update

from kyros_worker.database import transaction
from kyros_worker.dispatch import sweeps
from kyros_worker.oauth2 import forget, tokens
from kyros_worker.oauth2.queries import known_application
from kyros_worker.oauth2.tables import Code, Grant, Token
from tests.applications import TESTS, code_for, rows


@pytest.fixture
def grant(new_application, new_user):
    """One with a used code, an access token, a used refresh token and the next pair."""
    application = new_application()
    code = code_for(application, new_user())
    with transaction() as connection:
        found = tokens.find_code(connection, application["id"], code)
        issued = tokens.exchange_code(connection, TESTS, found)
    with transaction() as connection:
        found = tokens.find_token(connection, issued.refresh_token)
        tokens.refresh(connection, TESTS, found, None, tokens.time_of_database(connection))
    return issued


def age(table, days, **columns):
    with transaction() as connection:
        at = func.now() - timedelta(days=days)
        statement = update(table).values(expires_at=at)
        connection.execute(statement.filter_by(**columns))


def test_what_is_over_goes_after_a_week(grant):
    for days, codes, left in ((6.9, 1, 4), (7.1, 0, 2)):
        age(Code, days)
        age(Token, days, kind="access")
        sweeps.ended_grants()
        assert (len(rows(Code)), len(rows(Token))) == (codes, left)
    assert len(rows(Grant)) == 1


def test_a_used_refresh_token_is_known_for_a_week_more(grant):
    age(Token, 6.9, kind="refresh")
    sweeps.ended_grants()
    with transaction() as connection:
        found = tokens.find_token(connection, grant.refresh_token)
        later = tokens.time_of_database(connection)
        assert tokens.refresh(connection, TESTS, found, None, later) is None
    assert rows(Grant)[0].revoked_at is not None


@pytest.mark.parametrize("tables", [(Code, Token), (Token, Code)])
def test_a_grant_goes_with_the_last_that_it_gave(grant, tables):
    age(tables[0], 8)
    sweeps.ended_grants()
    assert len(rows(Grant)) == 1
    age(tables[1], 8)
    sweeps.ended_grants()
    assert rows(Grant) == []


def test_a_grant_goes_also_where_two_sweep_at_once(grant):
    """The first is held up with half of the work done and not committed."""
    age(Code, 8)
    with transaction() as connection:
        forget.forget_ended(connection, 500)
        age(Token, 8)
        assert sweeps.ended_grants() is False
    assert (len(rows(Code)), len(rows(Token)), len(rows(Grant))) == (0, 4, 1)
    sweeps.ended_grants()
    assert (rows(Token), rows(Grant)) == ([], [])


def test_a_sweep_says_whether_there_may_be_more(grant, monkeypatch):
    monkeypatch.setattr(sweeps, "_AT_ONCE", 3)
    age(Token, 8)
    assert [sweeps.ended_grants() for _ in range(2)] == [True, False]
    assert rows(Token) == []


def test_a_grant_of_an_application_for_itself_stays(new_application):
    application = new_application(acts_for_itself=True)
    for _ in range(2):
        with transaction() as connection:
            known = known_application(connection, application["id"])
            tokens.issue_to_itself(connection, known, ["tasks:read"])
        age(Token, 8)
        sweeps.ended_grants()
        assert (len(rows(Token)), len(rows(Grant))) == (0, 1)
