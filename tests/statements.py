"""Which SQL is executed."""

from contextlib import contextmanager

from sqlalchemy import event


@contextmanager
def statements(engine):
    """Collects every statement, with its parameters, that the engine executes meanwhile."""
    seen = []

    def see(_connection, _cursor, statement, parameters, *_):
        seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", see)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", see)
