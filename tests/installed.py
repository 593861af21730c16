"""A database with the schema, which this process uses from then on: one for the whole session."""

import os
from contextlib import closing
from functools import cache

import psycopg2
import pytest

from kyros_worker import database, settings
from kyros_worker.migrations.upgrade import upgrade

NAME = "kyros_tests"


@cache
def install(database_url: str, redis_url: str) -> str:
    """Makes the database beside that one, and has the settings name both; gives its address."""
    with closing(psycopg2.connect(database_url)) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {NAME}")
    url = f"{database_url.rpartition('/')[0]}/{NAME}"
    upgrade(url)
    os.environ.update(DATABASE_URL=url, REDIS_URL=redis_url, KYROS_SECRET_KEY="for tests only " * 3)
    settings.current.cache_clear()
    database.engine.cache_clear()
    return url


@pytest.fixture(scope="session")
def schema(stores):
    return install(stores.database_url, stores.redis_url)
