import json

import pytest
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from kyros_worker.auth import api_key, authenticate
from kyros_worker.command import keys
from kyros_worker.errors import ConfigurationError, UnauthenticatedError
from tests.installed import schema
from tests.keys import new_key, no_keys

__all__ = ["new_key", "no_keys", "schema"]


def run(*arguments):
    return CliRunner().invoke(keys.keys_app, arguments)


def test_create(no_keys):
    made = run("create", "ci", "-p", "tasks:read", "-p", "tasks:write", "--mode", "live")
    assert made.exit_code == 0
    subject = authenticate.authenticate(made.stdout.strip())
    assert (subject.mode, subject.permissions) == ("live", {"tasks:read", "tasks:write"})


def test_create_as_json(no_keys):
    made = json.loads(run("create", "ci", "--days", "3", "--json").stdout)
    assert api_key.well_formed(made["key"])
    assert made["permissions"] == ["admin"]
    assert made["expires_at"]


def test_list_and_revoke(new_key):
    live, test = new_key("admin", mode="live"), new_key("admin")
    assert [one["id"] for one in json.loads(run("list", "--json").stdout)] == [
        test["id"],
        live["id"],
    ]
    shown = run("list", "--mode", "live").stdout
    assert live["id"] in shown
    assert test["id"] not in shown
    assert live["key"] not in shown
    assert run("revoke", live["id"]).exit_code == 0
    assert "revoked" in run("list", "--mode", "live").stdout
    with pytest.raises(UnauthenticatedError):
        authenticate.authenticate(live["key"])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("create", ""), 2),
        (("create", "x" * 101), 2),
        (("create", "x", "-p", "nothing"), 2),
        (("create", "x", "--mode", "prod"), 2),
        (("create", "x", "--days", "0"), 2),
        (("revoke", "key_1"), 1),
        (("revoke", "key_1234567890123"), 1),
    ],
)
def test_refusals(no_keys, arguments, code):
    done = run(*arguments)
    assert done.exit_code == code
    assert done.stdout == ""
    assert done.stderr.strip().count("\n") == 0 or code == 2


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ConfigurationError("No stack."), "No stack."),
        (OperationalError("", {}, Exception()), "The database can't be reached."),
    ],
)
def test_without_a_database(monkeypatch, error, sentence):
    def fail():
        raise error

    monkeypatch.setattr("kyros_worker.database.transaction", fail)
    done = run("create", "x")
    assert (done.exit_code, done.stderr) == (1, f"kyros: {sentence}\n")
