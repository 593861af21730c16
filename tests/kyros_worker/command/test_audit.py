import json

from typer.testing import CliRunner

from kyros_worker.audit.actor import Actor
from kyros_worker.audit.write import write_entry
from kyros_worker.command.main import app
from kyros_worker.database import transaction
from tests.installed import schema

__all__ = ["schema"]


def run(*arguments):
    return CliRunner().invoke(app, ["audit", *arguments])


def write(target, actor="usr_1", **details):
    with transaction() as connection:
        write_entry(connection, Actor(actor, "192.0.2.7", via="oac_9"), "key.do", target, **details)


def test_a_line_an_entry(schema):
    write("key_printed", name="a\x1b[2J b")
    (shown,) = run("--target", "key_printed").stdout.splitlines()
    assert shown[20:] == (
        ' usr_1 key.do key_printed through oac_9 from 192.0.2.7 name="a\\u001b[2J b"'
    )


def test_as_json(schema):
    write("key_json", name="é")
    (line,) = run("--target", "key_json", "--json").stdout.splitlines()
    assert line.isascii()
    entry = json.loads(line)
    assert (entry["actor"], entry["details"]) == ("usr_1", {"name": "é"})


def test_filters(schema):
    write("key_filtered")
    write("key_filtered", actor="usr_2")
    assert "usr_2" in run("--target", "key_filtered", "--limit", "1").stdout
    assert len(run("--target", "key_filtered", "--actor", "usr_1").stdout.splitlines()) == 1
    assert run("--target", "key_nowhere").stdout == "No entry is like that.\n"
    assert run("--target", "key_filtered", "--since", "2999-01-01T00:00:00Z").stdout.startswith(
        "No"
    )


def test_a_wrong_time(schema):
    done = run("--since", "yesterday")
    assert done.exit_code == 2
    assert "--since must be a time" in done.stderr
