import json

import pytest
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from kyros_worker.audit.queries import Wanted, newest_entries
from kyros_worker.auth import authenticate
from kyros_worker.auth.tables import ApiKey
from kyros_worker.clock import now
from kyros_worker.command import key_text, keys
from kyros_worker.database import read
from kyros_worker.errors import ConfigurationError, UnauthenticatedError
from tests import factories
from tests.installed import schema
from tests.keys import new_key, no_keys, well_formed

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
    assert well_formed(made["key"])
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
    listed = run("list", "--mode", "live").stdout.splitlines()
    assert listed[0].split() == ["id", "prefix", "mode", "state", "expires", "last", "used",
                                 "permissions", "name"]  # fmt: skip
    assert listed[1].split() == [
        live["id"], f"{live['prefix']}…", "live", "revoked", "never", "never", "admin", "a", "key",
    ]  # fmt: skip
    with pytest.raises(UnauthenticatedError):
        authenticate.authenticate(live["key"])


def test_limits_given_and_removed(new_key):
    made = json.loads(
        run("create", "ci", "--rate-limit", "60", "--day-budget", "12.50", "--json").stdout
    )
    assert (made["rate_limit"], made["day_budget_usd"]) == (60, 12.5)
    shown = run("show", made["id"]).stdout
    for part in (made["id"], "requests a minute: 60", "USD a day: 12.5", "created", "command line",
                 "permissions admin", "unused"):  # fmt: skip
        assert part in shown
    assert made["key"] not in shown
    changed = run("change", made["id"], "--name", "cd", "-p", "tasks:read", "--day-budget", "0",
                  "--remove", "rate_limit")  # fmt: skip
    assert changed.exit_code == 0, changed.output
    found = json.loads(run("show", made["id"], "--json").stdout)
    assert (found["name"], found["permissions"]) == ("cd", ["tasks:read"])
    assert (found["rate_limit"], found["day_budget_usd"]) == (None, 0)
    assert "requests a minute: the deployment's limit" in changed.stdout
    assert run("change", made["id"], "--day-budget", "0").exit_code == 0
    expiring = json.loads(run("change", made["id"], "--days", "2", "--json").stdout)
    assert expiring["expires_at"]


def test_what_is_said_more_than_once_counts_once(new_key):
    key_id = new_key("admin", rate_limit=5)["id"]
    words = [*["-p", "tasks:read"] * 10, *["--remove", "rate_limit"] * 4]
    changed = json.loads(run("change", key_id, *words, "--json").stdout)
    assert (changed["permissions"], changed["rate_limit"]) == (["tasks:read"], None)


def test_rotate(new_key):
    made = new_key("admin")
    again = run("rotate", made["id"])
    assert well_formed(again.stdout.strip())
    for key in (made["key"], again.stdout.strip()):
        assert authenticate.authenticate(key).id == made["id"]
    assert "the secret before is good until" in run("show", made["id"]).stdout
    last = json.loads(run("rotate", made["id"], "--overlap", "0", "--json").stdout)
    assert last["previous_expires_at"] is None
    authenticate.forget()
    with pytest.raises(UnauthenticatedError):
        authenticate.authenticate(again.stdout.strip())


def test_what_the_command_line_did_is_in_the_audit_log(new_key):
    made = new_key("admin")
    for arguments in (["change", "--name", "x"], ["rotate"], ["revoke"]):
        assert run(arguments[0], made["id"], *arguments[1:]).exit_code == 0
    with read() as connection:
        found = newest_entries(connection, None, Wanted(target=made["id"]), 10)
    assert [one["action"] for one in found][::-1] == [
        "api_key.create", "api_key.change", "api_key.rotate", "api_key.revoke",
    ]  # fmt: skip
    assert [one["actor"] for one in found][:3] == ["command line"] * 3


def test_nothing_but_text_reaches_the_terminal(new_key):
    made = new_key("admin")
    factories.change(ApiKey, made["id"], name="\x1b[31mred")
    assert "\x1b" not in run("list").stdout + run("show", made["id"]).stdout


def test_an_expired_key_is_told(new_key):
    key = {**new_key("admin"), "expires_at": "2026-01-01T00:00:00.000000Z"}
    assert "expired" in key_text.described(key, now())
    assert "expired" in key_text.table([key], now(), 120)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("create", ""), 2),
        (("create", "x" * 101), 2),
        (("create", "x", "-p", "nothing"), 2),
        (("create", "x", "--mode", "prod"), 2),
        (("create", "x", "--days", "0"), 2),
        (("create", "x", "--rate-limit", "0"), 2),
        (("create", "x", "--day-budget", "-1"), 2),
        (("create", "x", "--day-budget", "1000001"), 2),
        (("create", "x", "--day-budget", "nan"), 2),
        (("create", "x", "--day-budget", "a lot"), 2),
        (("change", "key_1234567890123"), 2),
        (("change", "key_1234567890123", "--name", ""), 2),
        (("change", "key_1234567890123", "--name", "a\u202eb"), 2),
        (("create", "\u3164"), 2),
        (("change", "key_1234567890123", "--remove", "name"), 2),
        (("change", "key_1234567890123", "--remove", "rate_limit", "--rate-limit", "5"), 2),
        (("change", "key_1234567890123", "--name", "x"), 1),
        (("rotate", "key_1234567890123"), 1),
        (("rotate", "key_1234567890123", "--overlap", "2592001"), 2),
        (("show", "key_1234567890123"), 1),
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
