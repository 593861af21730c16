import json

import pytest
from typer.testing import CliRunner

from kyros_worker.command.application_commands import applications_app
from kyros_worker.database import read
from kyros_worker.oauth2.queries import known_application
from kyros_worker.oauth2.scope import DEFAULT
from tests.applications import CALLBACK, no_applications
from tests.installed import schema
from tests.people import audit_entries, no_users

__all__ = ["no_applications", "no_users", "schema"]


def run(*arguments):
    return CliRunner().invoke(applications_app, arguments)


def made(*arguments):
    return json.loads(run("create", "Your app", *arguments, "--json").stdout)


def has_secret(application, client_secret):
    with read() as connection:
        return known_application(connection, application["id"]).has_secret(client_secret)


def test_create(no_applications):
    done = run("create", "Your app", "--redirect-uri", CALLBACK)
    assert done.exit_code == 0
    found = dict(line.rsplit(None, 1) for line in done.stdout.splitlines())
    assert has_secret({"id": found["client id"]}, found["client secret"])
    entry = audit_entries("oauth2_application.create")[0]
    assert (entry["actor"], entry["target"]) == ("command line", found["client id"])
    assert found["client secret"] not in str(entry)


def test_show_and_list(no_applications):
    one = made("-r", CALLBACK, "-r", "com.example.app:/cb", "--public")
    other = made("--for-itself", "-p", "tasks:read")
    assert (one["public"], one["client_secret"], one["permissions"]) == (True, None, list(DEFAULT))
    assert (other["acts_for_itself"], other["permissions"]) == (True, ["tasks:read"])
    listed = json.loads(run("list", "--json").stdout)
    assert [one["id"] for one in listed] == [other["id"], one["id"]]
    assert [one["id"] for one in json.loads(run("list", "--limit", "1", "--json").stdout)] == [
        other["id"]
    ]
    assert other["id"] in run("list").stdout
    assert other["client_secret"] not in run("list").stdout
    shown = run("show", one["id"]).stdout
    assert f"{CALLBACK} com.example.app:/cb" in shown
    assert "public" in shown


def test_change(no_applications):
    application = made("-r", CALLBACK)
    done = run("change", application["id"], "--name", "Mine", "-p", "admin", "--for-itself")
    assert done.exit_code == 0
    shown = json.loads(run("show", application["id"], "--json").stdout)
    assert (shown["name"], shown["permissions"]) == ("Mine", ["admin"])
    assert (shown["acts_for_itself"], shown["redirect_uris"]) == (True, [CALLBACK])
    details = audit_entries("oauth2_application.change")[0]["details"]
    assert details["before"]["name"] == "Your app"
    assert details["after"]["permissions"] == ["admin"]


def test_rotate_and_delete(no_applications):
    application = made("-r", CALLBACK)
    rotated = json.loads(run("rotate-secret", application["id"], "--json").stdout)
    assert not has_secret(application, application["client_secret"])
    assert has_secret(application, rotated["client_secret"])
    assert run("delete", application["id"]).exit_code == 0
    assert run("list").stdout == ""
    actions = [entry["action"] for entry in audit_entries() if entry["target"] == application["id"]]
    assert [action.partition(".")[2] for action in actions] == ["delete", "rotate", "create"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("create", "x"), "redirect_uris are needed"),
        (("create", "", "-r", CALLBACK), "name must be"),
        (("create", "x", "-r", "http://x.example/"), "redirect_uris[0] must begin with https://"),
        (("create", "x", "-r", CALLBACK, "-p", "nothing"), "permissions[0] must be one of"),
        (("create", "x", "-r", CALLBACK, "--public", "--for-itself"), "needs a secret"),
        (("show", "oac_1"), "no such application"),
        (("change", "oac_1795621328407303923833", "--name", "x"), "no such application"),
        (("change", "oac_1"), "Say what is to change"),
        (("rotate-secret", "x"), "no such application"),
        (("delete", "x"), "no such application"),
    ],
)
def test_refusals(no_applications, arguments, words):
    done = run(*arguments)
    assert done.exit_code in (1, 2)
    assert done.stdout == ""
    assert words in done.stderr


def test_a_public_application_has_no_secret(no_applications):
    application = made("-r", CALLBACK, "--public")
    done = run("rotate-secret", application["id"])
    assert (done.exit_code, done.stderr) == (1, "kyros: A public application has no secret.\n")
