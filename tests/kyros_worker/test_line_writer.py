"""Lines in whole pieces, in order, also at the end of a process and over a fork."""

import os
import select
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker import line_writer
from kyros_worker.line_writer import LineWriter

BEGINNING = (
    "import os, signal, sys, threading, time\nfrom kyros_worker.line_writer import LineWriter\n"
)


def written(script):
    """What a process that runs the script writes to stderr."""
    done = subprocess.run(
        [sys.executable, "-c", BEGINNING + script], capture_output=True, text=True, check=False
    )
    return done.stderr


@pytest.fixture
def pieces(monkeypatch):
    """What is handed to the system, call by call."""
    found = []

    def write(_, piece):
        found.append(bytes(piece))
        return len(piece)

    monkeypatch.setattr(line_writer.os, "write", write)
    return found


def test_lines_of_a_moment_are_one_piece(pieces, monkeypatch):
    monkeypatch.setattr(line_writer, "GATHER_SECONDS", 60)
    writer = LineWriter()
    for line in (b"1\n", b"2\n", b"3\n"):
        writer.put(line)
    assert pieces == []
    writer.flush()
    assert pieces == [b"1\n2\n3\n"]


def test_a_lone_line_is_written_by_itself(pieces, monkeypatch):
    done = threading.Event()
    monkeypatch.setattr(line_writer, "_write", lambda lines: lines and done.set())
    LineWriter().put(b"alone\n")
    assert done.wait(10)


@given(st.lists(st.integers(0, 3 * select.PIPE_BUF), max_size=40))
def test_a_piece_is_whole_lines_that_a_pipe_takes_as_one(lengths):
    found = []
    lines = [b"x" * length + b"\n" for length in lengths]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(line_writer, "_write_piece", found.append)
        line_writer._write(lines)
    assert b"".join(found) == b"".join(lines)
    for piece in found:
        assert len(piece) <= select.PIPE_BUF or piece.count(b"\n") == 1
        assert not piece or piece.endswith(b"\n")


def test_what_waits_is_written_at_the_end():
    assert written('LineWriter().put(b"last\\n")') == "last\n"


def test_what_comes_after_the_end_is_written_at_once():
    script = (
        "import atexit\nholder = []\natexit.register(lambda: holder[0].put(b'later\\n'))\n"
        "holder.append(LineWriter())\nholder[0].put(b'before\\n')"
    )
    assert written(script) == "before\nlater\n"


def test_a_killed_process_has_lost_no_line_that_was_flushed():
    script = (
        "writer = LineWriter(); writer.put(b'1\\n'); writer.put(b'2\\n'); writer.flush()\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert written(script) == "1\n2\n"


def test_a_fork_writes_its_own_lines_alone():
    script = (
        "writer = LineWriter(); writer.put(b'parent\\n')\n"
        "if os.fork() == 0:\n    writer.put(b'child\\n'); sys.exit()\n"
        "os.wait()"
    )
    assert sorted(written(script).splitlines()) == ["child", "parent"]


def test_whoever_writes_faster_than_it_is_read_waits():
    """A full pipe: the thousandth line is not put before the reader has read."""
    reading, writing = os.pipe()
    script = BEGINNING + (
        "writer = LineWriter()\n"
        "print('begun', flush=True)\n"
        "for _ in range(1000): writer.put(b'x' * 999 + b'\\n')\n"
        "print('put', flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stderr=writing, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        os.close(writing)
        assert process.stdout.readline() == b"begun\n"
        assert select.select([process.stdout], [], [], 1)[0] == []
        with os.fdopen(reading, "rb") as reader:
            assert len(reader.read()) == 1_000_000
        assert process.stdout.read() == b"put\n"


def test_a_line_that_comes_while_one_is_written_does_not_hang(monkeypatch):
    """As from a finalizer or a signal's handler, which run in a thread that is in here already."""
    writer, found = LineWriter(), []

    def write(lines):
        if lines and b"outer\n" in lines:
            writer.put(b"inner\n")
            writer.flush()
        found.extend(lines)

    monkeypatch.setattr(line_writer, "_write", write)
    writer.put(b"outer\n")
    thread = threading.Thread(target=writer.flush, daemon=True)
    thread.start()
    thread.join(10)
    assert sorted(found) == [b"inner\n", b"outer\n"]
