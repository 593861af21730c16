"""The migrations make exactly what the tables say."""

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import NullPool, create_engine, inspect, text

from kyros_worker import database
from kyros_worker.migrations.upgrade import configuration, is_current, upgrade
from kyros_worker.task.tables import SEARCHED, Task
from tests.at_once import at_once


def nothing(database_url):
    """A database as it is before its first migration."""


@pytest.fixture
def connection(make_database):
    engine = create_engine(database.driver_url(make_database(nothing)), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def address(connection):
    return connection.engine.url.render_as_string(hide_password=False)


def test_tables_and_migrations_are_the_same(connection):
    upgrade(address(connection))
    options = {"compare_type": True, "compare_server_default": True}
    context = MigrationContext.configure(connection, opts=options)
    assert compare_metadata(context, database.Table.metadata) == []


def test_what_autogenerate_does_not_compare(connection):
    """Conditions and expressions of indexes, and computed columns."""
    upgrade(address(connection))
    with connection.begin():
        found = _definitions(connection)
        connection.execute(text("CREATE SCHEMA again"))
        connection.execute(text("SET LOCAL search_path = again"))
        database.Table.metadata.create_all(connection)
        assert _definitions(connection) == found
        connection.rollback()
    assert any(str(SEARCHED.compile())[:20] in definition for _, definition in found)


def _definitions(connection):
    columns = connection.execute(text(
        "SELECT table_name || '.' || column_name, concat_ws(' ', data_type, is_nullable, "
        "column_default, generation_expression) FROM information_schema.columns "
        "WHERE table_schema = current_schema() AND table_name <> 'alembic_version'"
    ))  # fmt: skip
    indexes = connection.execute(text(
        "SELECT indexname, replace(indexdef, schemaname || '.', '') FROM pg_indexes "
        "WHERE schemaname = current_schema() AND tablename <> 'alembic_version'"
    ))  # fmt: skip
    constraints = connection.execute(text(
        "SELECT conrelid::regclass || ' ' || conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = current_schema()::regnamespace "
        "AND conname NOT LIKE 'alembic_version%'"
    ))  # fmt: skip
    return sorted(
        (name, text_) for found in (columns, indexes, constraints) for name, text_ in found
    )


def test_is_current(connection):
    assert not is_current(connection)
    connection.rollback()
    upgrade(address(connection))
    assert is_current(connection)


def test_a_second_time_it_does_nothing(connection):
    for _ in range(2):
        upgrade(address(connection))
    assert is_current(connection)


def test_two_at_once(connection):
    at_once(upgrade, [address(connection)] * 3)
    assert is_current(connection)


def test_down_and_up_again(connection):
    upgrade(address(connection))
    command.downgrade(configuration(connection), "base")
    connection.commit()
    assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    connection.rollback()
    upgrade(address(connection))
    assert Task.__tablename__ in inspect(connection).get_table_names()
