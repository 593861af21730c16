"""Statements that Postgres prepares: the same rows as without, parsed once a connection."""

import pytest
from sqlalchemy import String, bindparam, func, select, text
from sqlalchemy.exc import DataError, ProgrammingError

from kyros_worker.bulk import is_one_of
from kyros_worker.database import engine, read, transaction
from kyros_worker.prepared import PREPARED
from kyros_worker.task.tables import Task
from tests import factories


def prepared_on(connection):
    query = text("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'kyros_%'")
    return connection.execute(query).scalar_one()


@pytest.fixture
def connection(schema):
    # What another test prepared lives on in the pool's idle connections.
    engine().dispose()
    with engine().connect() as connection:
        connection.detach()
        yield connection


def test_a_statement_is_prepared_once_a_connection(connection):
    statement = select(func.length(bindparam("word", type_=String))).execution_options(**PREPARED)
    for word in ("a", "it's", "100 %", "%(word)s", ""):
        assert connection.execute(statement, {"word": word}).scalar_one() == len(word)
        assert prepared_on(connection) == 1


def test_only_what_asks_for_it_is_prepared(connection):
    connection.execute(select(func.length("four")))
    assert prepared_on(connection) == 0


def test_a_parameter_may_be_used_twice_and_a_percent_sign_written(connection):
    text_of_it = "SELECT CAST(:n AS int) + 1, CAST(:n AS int) * 2, 'a' LIKE 'a%'"
    statement = text(text_of_it).execution_options(**PREPARED)
    assert connection.execute(statement, {"n": 3}).one() == (4, 6, True)


def test_it_outlives_its_transaction(connection):
    statement = text("SELECT CAST(:n AS int) + 1").execution_options(**PREPARED)
    connection.execute(statement, {"n": 1})
    connection.rollback()
    assert connection.execute(statement, {"n": 4}).scalar_one() == 5
    assert prepared_on(connection) == 1


def test_a_wrong_value_and_a_wrong_statement_are_told_as_ever(connection):
    divided = text("SELECT 1 / CAST(:n AS int)").execution_options(**PREPARED)
    with pytest.raises(DataError, match="division by zero"):
        connection.execute(divided, {"n": 0})
    connection.rollback()
    with pytest.raises(ProgrammingError, match="no_such"):
        connection.execute(text("SELECT no_such").execution_options(**PREPARED))
    connection.rollback()
    assert connection.execute(divided, {"n": 1}).scalar_one() == 1


def test_a_list_of_any_length_is_one_statement(connection, no_tasks):
    made = [one["id"] for one in factories.create_all(*[factories.new_task()] * 3)]
    statement = select(Task.id).where(is_one_of(Task.id, "ids")).execution_options(**PREPARED)
    for ids in ([], made[:1], made):
        found = connection.execute(statement, {"ids": ids}).scalars().all()
        assert sorted(found) == sorted(ids)
    assert prepared_on(connection) == 1


def test_a_connection_that_rested_is_asked_before_it_is_used(schema, monkeypatch):
    monkeypatch.setattr("kyros_worker.database._TRUSTED_SECONDS", 0.0)
    with transaction() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with read() as connection:
        connection.detach()
        query = text("SELECT pg_terminate_backend(:pid, 5000) WHERE :pid <> pg_backend_pid()")
        connection.execute(query, {"pid": pid})
    with transaction() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
