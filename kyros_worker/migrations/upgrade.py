"""Bringing a database to the schema of this code."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, text

from kyros_worker.database import driver_url

#: Two processes that start at once migrate one after the other.
_LOCK = 4_152_637


def upgrade(database_url: str) -> None:
    """Applies every migration that the database lacks."""
    engine = create_engine(driver_url(database_url), poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        connection.commit()
        command.upgrade(configuration(connection), "head")
        connection.commit()


def is_current(connection: Connection) -> bool:
    """Whether the database has the schema of this code."""
    head = ScriptDirectory.from_config(configuration(connection)).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == head


def configuration(connection: Connection) -> Config:
    """Alembic's configuration for a connection; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config
