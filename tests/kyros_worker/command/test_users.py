import json

import pytest
from typer.testing import CliRunner

from kyros_worker.command import main, users
from kyros_worker.command.home import Home
from kyros_worker.command.stack import Made, Stack, write_stack
from kyros_worker.command.up import describe
from kyros_worker.errors import UnauthenticatedError
from kyros_worker.oauth2.tables import Grant
from kyros_worker.user.session import authenticate_session
from kyros_worker.user.sign_in import sign_in
from tests.applications import code_for, new_application, no_applications, rows
from tests.installed import schema
from tests.people import (
    PASSWORD,
    audit_entries,
    held,
    new_user,
    no_users,
    password_hash,
    session_of,
)

__all__ = [
    "held", "new_application", "new_user", "no_applications", "no_users", "password_hash", "schema",
]  # fmt: skip

JO = "jo@example.com"


def run(*arguments, **named):
    return CliRunner().invoke(users.users_app, arguments, **named)


def enter(password, email=JO):
    cookie = sign_in(email, password, address=None, request_id=None, user_agent="tests")
    return authenticate_session(cookie)


def test_create(no_users):
    made = run("create", JO, "--role", "operator", "--name", "Jo Müller")
    assert made.exit_code == 0
    first, second = made.stdout.splitlines()
    assert first.startswith(f"{JO} is usr_")
    assert first.endswith(", operator.")
    assert second.startswith("Password: ")
    person = enter(second.split()[1])
    assert (person.name, person.subject.may("webhooks:manage")) == ("Jo Müller", True)
    assert audit_entries("user.create")[0]["actor"] == "command line"


def test_create_with_a_password_of_ones_own(no_users):
    asked = ("create", JO, "--role", "viewer", "--password-stdin", "--json")
    made = json.loads(run(*asked, input=f"{PASSWORD}\r\nmore\n").stdout)
    assert (made["name"], made["role"]) == ("jo", "viewer")
    assert "password" not in made
    assert enter(PASSWORD).user_id == made["id"]


def test_create_as_json(no_users):
    made = json.loads(run("create", JO, "--role", "viewer", "--json").stdout)
    assert enter(made["password"]).user_id == made["id"]


def test_list(new_user):
    from kyros_worker.clock import now

    user, gone = new_user(), new_user("admin", email="gone@example.com", disabled_at=now())
    shown = run("list").stdout.splitlines()
    assert shown[0] == f"{gone.id}  admin      disabled  gone@example.com  Jo"
    assert shown[1] == f"{user.id}  developer  enabled   {JO}  Jo"
    assert [one["id"] for one in json.loads(run("list", "--json").stdout)] == [gone.id, user.id]
    assert run("list", "--limit", "1").stdout.splitlines() == shown[:1]


def test_change(new_user):
    user = new_user()
    assert run("change", JO, "--role", "reviewer").stdout == f"{JO} is Jo, reviewer.\n"
    changed = json.loads(run("change", user.id, "--name", "Joanna", "--json").stdout)
    assert (changed["name"], changed["role"]) == ("Joanna", "reviewer")


def test_disable_and_enable(new_user):
    new_user()
    assert run("disable", JO).stdout == f"{JO} is disabled.\n"
    with pytest.raises(UnauthenticatedError):
        enter(PASSWORD)
    assert run("enable", JO).stdout == f"{JO} is enabled.\n"
    enter(PASSWORD)


@pytest.mark.parametrize("verb", ["disable", "set-password"])
def test_applications_may_act_for_him_no_more(new_user, new_application, verb):
    code_for(new_application(), new_user())
    assert run(verb, JO).exit_code == 0
    assert [grant.revoked_at is None for grant in rows(Grant)] == [False]


def test_no_connection_is_held_while_a_password_is_hashed(no_users, held):
    assert run("create", JO, "--role", "viewer").exit_code == 0
    assert run("set-password", JO).exit_code == 0
    assert held == [0, 0]


def test_set_password(new_user):
    new_user()
    said = run("set-password", JO).stdout
    enter(said.split("Password: ")[1].split()[0])
    said = run("set-password", JO, "--password-stdin", input="yet another password\n")
    assert said.stdout == f"{JO} has a new password.\n"
    enter("yet another password")


def test_sessions(new_user):
    user = new_user()
    first, second = (authenticate_session(session_of(user.id)).session_id for _ in range(2))
    shown = run("sessions", JO).stdout.splitlines()
    assert [line.split()[0] for line in shown] == [second, first]
    assert run("sessions", JO, "--limit", "1").stdout.splitlines() == shown[:1]
    assert "192.0.2.1  tests" in shown[0]
    assert len(json.loads(run("sessions", JO, "--json").stdout)) == 2
    assert run("sign-out", JO, first).stdout == "1 session ended.\n"
    assert run("sign-out", JO).stdout == "1 session ended.\n"
    assert run("sign-out", JO).stdout == "0 sessions ended.\n"
    assert run("sessions", JO).stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("create", "nobody", "--role", "viewer"), 1, "not an e-mail address"),
        (("create", JO, "--role", "boss"), 1, "viewer, developer, reviewer, operator, admin"),
        (("create", JO, "--role", "viewer", "--name", ""), 1, "name must be"),
        (("create", "last@example.com", "--role", "viewer"), 1, "already"),
        (("create", JO), 2, "--role"),
        (("create", JO, "--role", "viewer", "--password-stdin"), 1, "12 characters"),
        (("change", "last@example.com"), 2, "--name or --role"),
        (("change", "last@example.com", "--role", "viewer"), 1, "last enabled admin"),
        (("disable", "last@example.com"), 1, "last enabled admin"),
        (("disable", "nobody@example.com"), 1, "no such user"),
        (("set-password", "usr_1790000000000000"), 1, "no such user"),
        (("sign-out", "last@example.com", "ses_1"), 1, "no such session"),
        (("sessions", "\x00"), 1, "no such user"),
    ],
)
def test_refusals(new_user, arguments, code, words):
    new_user("admin", email="last@example.com")
    done = run(*arguments, input="short\n")
    assert done.exit_code == code
    assert words in done.stderr
    assert done.stdout == ""


def test_it_is_a_command():
    assert "users" in CliRunner().invoke(main.app, ["--help"]).stdout


def test_what_up_tells_once(tmp_path):
    home = Home(tmp_path)
    stack = Stack(api_port=8000, flower_port=5555)
    again = describe(home, stack)
    first = describe(home, stack.with_made(Made("kyros_test_x", "admin@localhost", "the-password")))
    assert "  Pages   http://127.0.0.1:8000/sign-in\n" in first
    assert "admin@localhost, password the-password  (shown this once)" in first
    assert "password the" not in again
    write_stack(home, stack.with_made(Made("kyros_test_x", "admin@localhost", "the-password")))
    kept = home.stack.read_text()
    assert "the-password" not in kept
    assert "kyros_test_x" not in kept
    assert Stack.read(home) == stack
