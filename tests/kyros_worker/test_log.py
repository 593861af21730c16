import asyncio
import json
import os
import subprocess
import sys

import psycopg2
import pytest
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError, OperationalError

from kyros_worker import log
from kyros_worker.log import scrubbed, told
from kyros_worker.settings import PROJECT_ROOT

BEGINNING = """
import logging, sys, threading, warnings
from kyros_worker import log
log.configure("api")
own, strange = logging.getLogger("kyros_worker.task"), logging.getLogger("celery.worker")
"""


def written(script, **environ):
    """What a process that runs the script writes."""
    done = subprocess.run(
        [sys.executable, "-c", BEGINNING + script],
        env={**os.environ, "KYROS_LOG_FORMAT": "json", **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    return done.stderr


def lines(script, **environ):
    return [json.loads(line) for line in written(script, **environ).splitlines()]


def test_a_fact_is_one_object_with_its_fields():
    (line,) = lines('log.FACTS.info("request", path="/v1/tasks", status=201, route=None)')
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert line["timestamp"].endswith("Z")
    assert line["process"].startswith("api@")
    del line["timestamp"], line["process"]
    expected = {"level": "info", "event": "request", "path": "/v1/tasks", "status": 201}
    assert line == expected | {"route": None}


@pytest.mark.parametrize(
    ("script", "event", "level"),
    [
        ('own.info("It is %s.", "so")', "It is so.", "info"),
        ('strange.info("ready")', "ready", "info"),
        ('strange.warning("one line\\nof two")', "one line", "warning"),
        ('own.warning("of %s and %s", "one")', "A line could not be written.", "error"),
        ('warnings.warn("old")', "<string>:6: UserWarning: old", "warning"),
        ('log.FACTS.info("a", odd="\\ud800", big=2**70, one=object)', "a", "info"),
    ],
)
def test_every_way_leads_to_the_same_form(script, event, level):
    (line,) = lines(script)
    assert (line["event"], line["level"]) == (event, level)


def test_a_sentence_may_have_ids_beside_it():
    (line,) = lines('own.error("No.", extra={"request_id": "req_1", "title": "hidden"})')
    assert line["request_id"] == "req_1"
    assert "title" not in line


def test_an_error_is_in_the_line_with_its_frames():
    script = """
def inner(): raise TypeError("of the code")
try: inner()
except TypeError: own.exception("It failed.")
"""
    (line,) = lines(script)
    assert line["exception"].startswith("Traceback (most recent call last):\n")
    assert "in inner" in line["exception"]
    assert line["exception"].endswith("\nTypeError: of the code")


@pytest.mark.parametrize(
    "script",
    [
        "raise ValueError('what a customer wrote')",
        "t = threading.Thread(target=lambda: int('what a customer wrote')); t.start(); t.join()",
    ],
)
def test_an_error_that_nobody_caught_is_a_line_too(script):
    (line,) = lines(script)
    assert line["exception"].endswith("\nValueError")
    assert "customer" not in json.dumps(line).replace("what a customer wrote')", "")


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", ["f.debug", "f.info", "f.error", "o.debug", "o.info", "o.error", "s.error"]),
        ("info", ["f.info", "f.error", "o.info", "o.error", "s.error"]),
        ("warning", ["f.error", "o.error", "s.error"]),
    ],
)
def test_a_level_holds_for_ours_and_libraries_are_quieter(level, expected):
    script = """
for name in ("httpx", "openai._base_client", "sqlalchemy.engine"):
    logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger(name).debug("s.debug with a whole request")
    logging.getLogger(name).info("s.info with an address")
for level in ("debug", "info", "error"):
    getattr(log.FACTS, level)(f"f.{level}")
for level in ("debug", "info", "error"):
    getattr(own, level)(f"o.{level}")
logging.getLogger("httpx").error("s.error")
"""
    assert [line["event"] for line in lines(script, KYROS_LOG_LEVEL=level)] == expected


def test_for_people_a_line_has_columns_and_no_colours():
    script = """
log.FACTS.info("request", path="/v1/tasks", status=200, route=None, kind="two words", empty="")
own.warning("A sentence.", extra={"request_id": "req_1"})
"""
    first, second = written(script, KYROS_LOG_FORMAT="console").splitlines()
    at, rest = first.split(" ", 1)
    assert at.endswith("Z")
    assert rest == 'info     request    path=/v1/tasks status=200 kind="two words" empty=""'
    assert second.split(" ", 1)[1] == (
        "warning  A sentence. request_id=req_1 logger=kyros_worker.task"
    )


def test_nobody_can_forge_a_line_or_move_the_cursor():
    script = r"""
log.FACTS.info("request", path="/a\nforged\x1b[2J\x9b\u2028")
own.warning("told\nforged")
try: raise RuntimeError("a\x1b[2J")
except RuntimeError: own.exception("failed")
"""
    text = written(script, KYROS_LOG_FORMAT="console")
    assert text.count("\n") == text.count("\n20") + text.count("\n  ") + 1
    assert r"path=/a\nforged\x1b[2J\x9b\u2028" in text
    assert r"told\nforged" in text
    assert r"  RuntimeError: a\x1b[2J" in text
    assert "\x1b" not in text


def test_a_reader_that_has_gone_stops_no_work():
    reading, writing = os.pipe()
    os.close(reading)
    script = BEGINNING + 'log.FACTS.info("a"); own.error("b"); print("done")'
    done = subprocess.run(
        [sys.executable, "-c", script], stderr=writing, stdout=subprocess.PIPE, check=True
    )
    os.close(writing)
    assert done.stdout == b"done\n"


def test_nothing_is_written_before_a_process_is_configured(capfd):
    script = 'from kyros_worker import log; log.FACTS.info("request")'
    subprocess.run([sys.executable, "-c", script], check=True, cwd=PROJECT_ROOT)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kyros_live_abcDEF123-_x is refused", "[secret] is refused"),
        ("kyros_rt_abcDEF123-_x, kyros_cs_a", "[secret], [secret]"),
        ("redis://:secret@host:1/0", "redis://[secret]@host:1/0"),
        ("postgresql://kyros:secret@host/kyros", "postgresql://[secret]@host/kyros"),
        ("Authorization: Basic a3lyb3M6c2VjcmV0", "Authorization: [secret]"),
        ("Authorization: Bearer abcdefgh", "Authorization: [key]"),
        ("the secret whsec_abc+/=", "the secret [secret]"),
        ("eyJhbGciOi.eyJzdWIi.abc-_", "[secret]"),
        ("sk-0123456789abcdef", "[key]"),
        ("http://127.0.0.1:8000/v1?a=b@c", "http://127.0.0.1:8000/v1?a=b@c"),
        ("x" * 2000, "x" * 1000),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text, expected):
    assert scrubbed(text) == expected


class Form(BaseModel):
    count: int


def invalid():
    Form.model_validate({"count": "CANARY"})


def refused():
    raise IntegrityError("INSERT …", {"a": "CANARY"}, psycopg2.IntegrityError("(a)=(CANARY)"))


def caused():
    try:
        int("CANARY")
    except ValueError as error:
        raise RuntimeError("the next") from error


def suppressed():
    try:
        int("CANARY")
    except ValueError:
        raise TypeError("alone") from None


def several():
    raise ExceptionGroup("CANARY", [ValueError("CANARY"), TypeError("of the code")])


def unread():
    raise json.JSONDecodeError("CANARY", "CANARY", 0)


def away():
    raise OperationalError(None, None, psycopg2.OperationalError("connection to server failed"))


def cancelled():
    raise asyncio.CancelledError("CANARY")


@pytest.mark.parametrize(
    ("raising", "named"),
    [
        (invalid, ["pydantic_core._pydantic_core.ValidationError"]),
        (refused, ["sqlalchemy.exc.IntegrityError"]),
        (caused, ["ValueError", "That caused the next:", "RuntimeError: the next"]),
        (suppressed, ["TypeError: alone"]),
        (several, ["ExceptionGroup: ValueError, TypeError: of the code"]),
        (unread, ["json.decoder.JSONDecodeError"]),
        (away, ["sqlalchemy.exc.OperationalError"]),
        (cancelled, ["asyncio.exceptions.CancelledError"]),
    ],
    ids=lambda given: getattr(given, "__name__", None),
)
def test_an_error_keeps_its_kind_and_frames_but_not_the_data(raising, named):
    with pytest.raises(BaseException) as caught:
        raising()
    text = told(caught.value)
    # The frames show this file's own lines.
    assert "CANARY" not in "\n".join(
        line for line in text.splitlines() if not line.startswith("    ")
    )
    found = [text.find(f"\n{one}\n") for one in named[:-1]]
    assert all(at > 0 for at in found)
    assert found == sorted(found)
    assert text.endswith(f"\n{named[-1]}")
    assert f"in {raising.__name__}" in text


def test_the_longest_way_to_an_error_is_cut():
    def deeper(left):
        if left == 0:
            raise RecursionError
        deeper(left - 1)

    with pytest.raises(RecursionError) as caught:
        deeper(200)
    assert told(caught.value).count("in deeper") <= log._MOST_FRAMES
