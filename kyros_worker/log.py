"""What the processes say in their logs: a line a fact, as JSON or for people, never a secret.

Two roads lead to the same line. `FACTS`, a logger of structlog, takes what happens all the time: a
request, a job, a delivery, each an event with its fields. The standard library's loggers take
sentences, ours (with `extra`, of which `FIELDS` are kept) and those of every library.

No line holds what a customer wrote, what a model answered, or a credential. Facts are made of
ids, names and numbers. Of a library only the first line of its message is kept, without what looks
like a secret, and none below INFO, since what libraries say there holds whole requests. An error
keeps its type and its frames; its message only if it is of a kind that says nothing of the data.
"""

import json
import logging
import os
import re
import socket
import sys
import threading
import traceback
from collections.abc import Iterator, MutableMapping
from types import TracebackType
from typing import Any

import orjson
import structlog
from structlog.processors import TimeStamper
from structlog.stdlib import ExtraAdder, ProcessorFormatter

from kyros_worker.line_writer import Line, LineWriter
from kyros_worker.redact import redacted
from kyros_worker.settings import current

__all__ = ["FACTS", "NOTED", "configure", "writes_json"]

#: Under this name the API leaves in a request's WSGI environment what its line tells of it.
NOTED = "kyros.noted"
#: The fields that a sentence may have beside it.
FIELDS = ("request_id", "task_id", "submission_id", "webhook_id", "delivery_id")

Fields = MutableMapping[str, Any]

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_OWN = frozenset({"kyros_worker", "api", "kyros"})
#: Libraries whose INFO tells of a process's start and end. Of all others it tells of each call.
_TOLD_FROM_INFO = frozenset({"celery", "gunicorn"})
_LONGEST_MESSAGE = 1000
_MOST_FRAMES = 40

_SECRET = re.compile(
    r"kyros_(?:live|test|at|rt|ac|cs)_[A-Za-z0-9_-]+|whsec_[A-Za-z0-9+/=]+"
    r"|(?<=://)[^/@\s]+(?=@)"
    r"|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
    r"|(?i:\bbasic +)[A-Za-z0-9+/=]{6,}"
)
_HIDDEN = "[secret]"

#: Whose messages speak of the code, the machine or a server, never of what it was given.
_TELLING = (
    AssertionError, AttributeError, ImportError, MemoryError, NameError, NotImplementedError,
    OSError, RuntimeError, TypeError, ZeroDivisionError,
)  # fmt: skip
_TELLING_NAMES = frozenset(
    {
        "kombu.exceptions.OperationalError",
        "kyros_worker.errors.ConfigurationError",
        "psycopg2.OperationalError",
        "redis.exceptions.ConnectionError",
        "redis.exceptions.TimeoutError",
        "sqlalchemy.exc.TimeoutError",
    }
)
_ACTING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


_lines = LineWriter()


class _Writer:
    """What structlog hands its lines to, by their level."""

    def info(self, line: Line) -> None:
        _lines.put(line)

    def warning(self, line: Line) -> None:
        _lines.put(line)
        _lines.flush()

    msg = debug = info
    error = critical = warning


def _nothing(*_: Any) -> Fields:
    raise structlog.DropEvent


#: Silent until a process is configured: the command line's own output is no log.
_steps: list[Any] = [_nothing]
structlog.configure(processors=_steps, logger_factory=lambda *_: _Writer())

#: Facts: `FACTS.info("delivery", delivery_id=…)`.
FACTS = structlog.get_logger()

_process = "kyros"
_json = False


def configure(process: str) -> None:
    """Has all that this process says written to stderr, as `KYROS_LOG_FORMAT` wants it.

    `process` is its name in the Procfile. Raises ConfigurationError for a wrong setting.
    """
    global _process, _json
    settings = current()
    level = _LEVELS[settings.log_level]
    _process, _json = f"{process}@{socket.gethostname()}", settings.log_format == "json"
    render = _as_json if _json else _Console(colours=sys.stderr.isatty())
    stamp = TimeStamper(fmt="iso", utc=True)
    _steps[:] = [structlog.processors.add_log_level, stamp, _made_later(render)]
    structlog.configure(
        processors=_steps,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Writer(),
        cache_logger_on_first_use=True,
    )
    handler = _Handler()
    handler.setFormatter(
        ProcessorFormatter(
            processors=[stamp, _told_of_library, _with_exception, _decoded(render)],
            foreign_pre_chain=[ExtraAdder(FIELDS)],
        )
    )
    handler.addFilter(_is_told)
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries are held to INFO, whatever the setting: below it they tell whole requests.
    root.setLevel(max(level, logging.INFO))
    for name in _OWN:
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(True)
    # A level costs less here than in the filter: records of each call are not even made.
    for name in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.raiseExceptions = False
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def writes_json() -> bool:
    """Whether this process was configured to write JSON."""
    return _json


class _Handler(logging.Handler):
    """The way of the standard library's records to the same writer."""

    def __init__(self) -> None:
        super().__init__()
        self._writer = _Writer()

    def emit(self, record: logging.LogRecord) -> None:
        write = self._writer.warning if record.levelno >= logging.WARNING else self._writer.info
        try:
            write(self.format(record).encode("utf-8", "backslashreplace"))
        except Exception:  # noqa: BLE001 - a line that can't be made must not stop the work
            write(_unwritten())


def _made_later(render: Any) -> Any:
    """Has a fact's line made where it is written."""

    def step(logger: Any, method: str, fields: Fields) -> tuple[tuple[Line], dict[str, Any]]:
        def line() -> bytes:
            try:
                made: bytes = render(logger, method, fields)
            except Exception:  # noqa: BLE001 - a line that can't be made must not stop the others
                return _unwritten()
            return made

        return (line,), {}

    return step


def _unwritten() -> bytes:
    return _as_json(None, "", {"event": "A line could not be written."})


def _is_told(record: logging.LogRecord) -> bool:
    if record.levelno >= logging.WARNING:
        return True
    family = record.name.partition(".")[0]
    return family in _OWN or (family in _TOLD_FROM_INFO and record.levelno >= logging.INFO)


def _told_of_library(_logger: Any, _method: str, fields: Fields) -> Fields:
    """Names the logger, and keeps of a stranger's message one line without secrets."""
    record: logging.LogRecord = fields.pop("_record")
    fields.pop("_from_structlog")
    fields["level"] = record.levelname.lower()
    fields["logger"] = record.name
    message = fields["event"]
    if record.name.partition(".")[0] not in _OWN:
        message = (message.strip().splitlines() or [""])[0]
    fields["event"] = scrubbed(message)
    return fields


def _with_exception(_logger: Any, _method: str, fields: Fields) -> Fields:
    found = fields.pop("exc_info", None)
    fields.pop("stack_info", None)
    if found and found[1] is not None:
        fields["exception"] = told(found[1])
    return fields


def scrubbed(text: str) -> str:
    """The text, at most a thousand characters, without what looks like a secret."""
    return _SECRET.sub(_HIDDEN, redacted(text))[:_LONGEST_MESSAGE]


def told(error: BaseException) -> str:
    """An error with its frames and those that led to it, the first one first.

    A message stands only where its kind says nothing of the data that was worked on.
    """
    parts = []
    for link, one in _chain(error):
        if link:
            parts.append(f"\n{link}\n\n")
        if one.__traceback__ is not None:
            parts.append("Traceback (most recent call last):\n")
            parts += traceback.format_tb(one.__traceback__, limit=-_MOST_FRAMES)
        parts.append(f"{_named(one)}\n")
    return "".join(parts).rstrip()


def _chain(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    """The errors, each with what links it to the one before."""
    chain: list[tuple[str, BaseException]] = []
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        one = following
        seen.add(id(one))
        if one.__cause__ is not None:
            link, following = "That caused the next:", one.__cause__
        elif one.__context__ is not None and not one.__suppress_context__:
            link, following = "While it was handled, the next came:", one.__context__
        else:
            link, following = "", None
        chain.append((link, one))
    yield from reversed(chain)


def _named(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else _full_name(kind)
    if isinstance(error, BaseExceptionGroup):
        return f"{name}: {', '.join(_named(one) for one in error.exceptions)}"
    if not _is_telling(kind):
        return name
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{name}: {scrubbed(first)}".removesuffix(": ")


def _is_telling(kind: type[BaseException]) -> bool:
    if kind.__module__ == "builtins":
        return issubclass(kind, _TELLING)
    return any(_full_name(one) in _TELLING_NAMES for one in kind.__mro__)


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _uncaught(
    kind: type[BaseException], error: BaseException, _traceback: TracebackType | None
) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        logging.getLogger("kyros").critical("The process ends by an error.", exc_info=error)


def _uncaught_in_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_value is not None and not isinstance(found.exc_value, SystemExit):
        logging.getLogger("kyros").error("A thread ended by an error.", exc_info=found.exc_value)


def _as_json(_logger: Any, _method: str, fields: Fields) -> bytes:
    line = {
        "timestamp": fields.pop("timestamp", None),
        "level": fields.pop("level", "error"),
        "event": fields.pop("event"),
        **fields,
        # The pid is asked anew: gunicorn forks.
        "process": f"{_process}-{os.getpid()}",
    }
    try:
        return orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        # A lone surrogate, a number beyond 64 bits, a key that is no text.
        return json.dumps(line, default=str, skipkeys=True).encode() + b"\n"


def _decoded(render: Any) -> Any:
    """The formatter of the standard library wants text."""

    def decoded(logger: Any, method: str, fields: Fields) -> str:
        line: bytes = render(logger, method, fields)
        return line.decode("utf-8", "backslashreplace")

    return decoded


class _Console:
    """A line for people: time, level and event in columns, then `name=value`.

    structlog's own takes five times as long, and prints what acts on a terminal as it is.
    """

    def __init__(self, *, colours: bool) -> None:
        self._levels = {
            level: f"\033[{colour}m{level:8}\033[0m" if colours else f"{level:8}"
            for level, colour in _COLOURS.items()
        }

    def __call__(self, _logger: Any, _method: str, fields: Fields) -> bytes:
        at, level = fields.pop("timestamp"), fields.pop("level")
        event, error = fields.pop("event"), fields.pop("exception", None)
        values = " ".join(
            [f"{name}={_shown(value)}" for name, value in fields.items() if value is not None]
        )
        line = f"{at} {self._levels.get(level, level)} {_harmless(event):10} {values}".rstrip()
        if error is not None:
            line += "\n" + "\n".join(f"  {_harmless(one)}" for one in error.split("\n"))
        return f"{line}\n".encode("utf-8", "backslashreplace")


_COLOURS = {"debug": 2, "info": 32, "warning": 33, "error": 31, "critical": 31}


def _shown(value: Any) -> str:
    text = value if type(value) is str else str(value)
    if text.isalnum():
        return text
    text = _harmless(text)
    return f'"{text}"' if " " in text or not text else text


def _harmless(text: str) -> str:
    """The text without what would begin a line or act on a terminal."""
    if text.isascii() and text.isprintable():
        return text
    return _ACTING.sub(lambda found: ascii(found.group())[1:-1], text)
