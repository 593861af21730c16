"""`kyros webhooks` as it is typed, against a scripted API."""

import json
import os
import signal

import pytest
from typer.testing import CliRunner

from kyros_worker.command.webhook_commands import webhooks_app
from kyros_worker.webhook import sign
from tests.kyros_worker.command.scripted_api import KEY, Answer, ScriptedApi, data, refusal

ID = "whk_17953903388844524678222"
PATH = f"/v1/webhooks/{ID}"
DELIVERY = "dlv_17953903388844524678223"
TASK = "task_17953903388844524678222"
SECRET = "whsec_c2VjcmV0"
HOOK = {
    "id": ID,
    "mode": "test",
    "url": "https://example.com/hook\x1b[2J",
    "events": ["task.completed", "system.*"],
    "description": "Ours",
    "enabled": False,
    "disabled_reason": "it answered 410 Gone.",
    "secret_pending_since": "2026-11-22T23:33:00.000000Z",
    "created_by": "key_1",
    "created_at": "2026-11-22T23:32:00.000000Z",
    "updated_at": "2026-11-22T23:32:00.000000Z",
}
MADE = HOOK | {"secret": SECRET, "standard_secret": SECRET}
SENT = {
    "id": DELIVERY,
    "webhook_id": ID,
    "event_id": "evt_1",
    "event_type": "task.completed",
    "task_id": TASK,
    "status": "held",
    "body": '{"title":"Ä"}',
    "attempts": [],
    "next_attempt_at": None,
    "created_at": "2026-11-22T23:32:00.000000Z",
    "delivered_at": None,
}
TRY = {"number": 1, "at": "x", "duration_seconds": 0.1, "answer": "", "error": None}


def page(*deliveries, more=False):
    return data({"deliveries": deliveries, "next_cursor": "c", "has_more": more})


@pytest.fixture
def run(api, tmp_path, monkeypatch):
    monkeypatch.setenv("KYROS_HOME", str(tmp_path))
    monkeypatch.setenv("KYROS_API_URL", api.url)
    monkeypatch.setenv("KYROS_API_KEY", KEY)
    return lambda *words: CliRunner().invoke(webhooks_app, words)


@pytest.fixture
def receiver():
    scripted = ScriptedApi()
    yield scripted
    scripted.stop()


def test_create_prints_the_id_and_the_secret(api, run):
    api.answers(data(MADE, 201))
    done = run("create", "https://e.com", "--event", "task.completed", "--event", "system.*")
    assert (done.exit_code, done.stdout) == (0, f"{ID}\n{SECRET}\n")
    assert (api.asked[0].method, api.asked[0].path) == ("POST", "/v1/webhooks")
    assert api.asked[0].json == {
        "url": "https://e.com", "events": ["task.completed", "system.*"], "enabled": True,
    }  # fmt: skip
    assert json.loads(run("create", "https://e.com", "--event", "*", "--json").stdout) == MADE


def test_create_takes_a_secret_from_a_file(api, run, tmp_path):
    file = tmp_path / "secret"
    file.write_text("mine\n")
    api.answers(data(MADE, 201))
    done = run("create", "https://e.com", "--event", "*", "--secret-file", str(file),
               "--description", "Ours", "--disabled")  # fmt: skip
    assert done.stdout == f"{ID}\n"
    assert api.asked[0].json == {
        "url": "https://e.com", "events": ["*"], "enabled": False, "secret": "mine",
        "description": "Ours",
    }  # fmt: skip


def test_a_secret_that_was_lost_is_told(api, run):
    api.answers(data(MADE | {"secret": None}, 201))
    done = run("create", "https://e.com", "--event", "*")
    assert done.stdout == f"{ID}\n"
    assert "rotate-secret" in done.stderr


def test_list(api, run):
    api.answers(data({"webhooks": [HOOK], "next_cursor": "c", "has_more": True}))
    done = run("list", "-n", "1")
    assert api.asked[0].path == "/v1/webhooks?limit=1"
    header, row = done.stdout.splitlines()
    assert header.split() == ["id", "state", "events", "created", "url"]
    assert row.split()[:4] == [ID, "disabled", "task.completed", "system.*"]
    assert row.endswith("https://example.com/hook\\x1b[2J")
    assert "--limit" in done.stderr
    api.answers(data({"webhooks": [], "next_cursor": None, "has_more": False}))
    assert run("list").stdout == "There is no webhook.\n"


def test_show(api, run):
    api.answers(data(HOOK))
    done = run("show", ID)
    assert api.asked[0].path == PATH
    assert (
        done.stdout
        == f"""\
{ID}  disabled
  https://example.com/hook\\x1b[2J
  Ours
  events task.completed system.*, mode test
  created 2026-11-22T23:32:00Z by key_1
  disabled: it answered 410 Gone.
  two secrets sign since 2026-11-22T23:33:00Z
"""
    )
    assert json.loads(run("show", ID, "--json").stdout) == HOOK


@pytest.mark.parametrize(
    ("words", "body", "told"),
    [
        (("change", ID, "--url", "https://b.example"), {"url": "https://b.example"}, "changed"),
        (("change", ID, "--event", "*", "--description", ""), {"events": ["*"], "description": ""},
         "changed"),
        (("enable", ID), {"enabled": True}, "enabled"),
        (("disable", ID), {"enabled": False}, "disabled"),
    ],
)  # fmt: skip
def test_change(api, run, words, body, told):
    api.answers(data(HOOK))
    assert run(*words).stdout == f"{ID} is {told}.\n"
    assert (api.asked[0].method, api.asked[0].path) == ("PATCH", PATH)
    assert api.asked[0].json == body
    assert json.loads(run(*words, "--json").stdout) == HOOK


@pytest.mark.parametrize(
    ("words", "path", "answer", "told"),
    [
        (("rotate-secret", ID), "/rotate-secret", MADE, SECRET),
        (("activate-secret", ID), "/activate-secret", HOOK, f"The new secret of {ID} signs alone."),
        (("test", ID), "/test", SENT, DELIVERY),
        (("redeliver", ID, DELIVERY), f"/deliveries/{DELIVERY}/redeliver", SENT,
         f"{DELIVERY} is sent again."),
        (("replay", ID, "--since", "2026-01-31T09:30:00Z"), "/replay",
         {"id": ID, "since": "x", "deliveries": 2}, "2 deliveries are sent again."),
        (("replay", ID, "--since", "2026-01-31T09:30:00Z"), "/replay",
         {"id": ID, "since": "x", "deliveries": 1}, "1 delivery is sent again."),
    ],
)  # fmt: skip
def test_what_is_posted(api, run, words, path, answer, told):
    api.answers(data(answer))
    assert run(*words).stdout == f"{told}\n"
    assert (api.asked[0].method, api.asked[0].path) == ("POST", f"{PATH}{path}")
    assert api.asked[0].json == ({"since": words[-1]} if words[0] == "replay" else {})
    assert json.loads(run(*words, "--json").stdout) == answer


def test_delete(api, run):
    api.answers(data(HOOK))
    assert run("delete", ID).stdout == f"{ID} is deleted.\n"
    assert (api.asked[0].method, api.asked[0].path) == ("DELETE", PATH)
    assert json.loads(run("delete", ID, "--json").stdout) == HOOK


def test_deliveries(api, run):
    tried = SENT | {"task_id": None, "attempts": [TRY | {"status_code": 503}]}
    failed = SENT | {"attempts": [TRY | {"status_code": None, "error": "It took too long."}]}
    api.answers(page(SENT, tried, failed))
    done = run("deliveries", ID, "-n", "3")
    assert api.asked[0].path == f"{PATH}/deliveries?limit=3"
    rows = done.stdout.splitlines()
    assert rows[1].split() == [
        DELIVERY, "held", "task.completed", TASK, "0", "2026-11-22T23:32:00Z", "-"
    ]  # fmt: skip
    assert rows[2].endswith("HTTP 503")
    assert rows[3].endswith("It took too long.")
    assert len(json.loads(run("deliveries", ID, "--json").stdout)["deliveries"]) == 3
    api.answers(page())
    assert run("deliveries", ID).stdout == "Nothing was to be sent yet.\n"


@pytest.mark.parametrize("words", [("show", ID), ("list",), ("enable", ID), ("delete", ID),
                                   ("test", ID), ("deliveries", ID), ("listen",)])  # fmt: skip
def test_a_refusal_is_exit_code_1(api, run, words):
    api.answers(refusal(404, "There is no such webhook."))
    done = run(*words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "kyros: There is no such webhook.\n"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("create", "https://e.com"), "--event"),
        (("create", "https://e.com", "--event", "*", "--secret-file", "/none"), "--secret-file"),
        (("create", "https://e.com", "--event", "*", "--secret-file", "/dev/null"), "is empty"),
        (("change", ID), "--url"),
        (("replay", ID), "--since"),
        (("listen", "--forward", "127.0.0.1:3000"), "--forward"),
        (("listen", "--forward", "ftp://e.com"), "--forward"),
    ],
)
def test_what_is_typed_wrong_is_exit_code_2(api, run, words, named):
    done = run(*words)
    assert done.exit_code == 2
    assert named in done.stderr
    assert api.asked == []


@pytest.mark.parametrize("words", [("show", ID), ("test", ID), ("rotate-secret", ID),
                                   ("replay", ID, "--since", "x")])  # fmt: skip
def test_what_is_no_webhook_is_not_this_api(api, run, words):
    api.answers(data({"id": ID}))
    assert run(*words).exit_code == 1


def listened(api, *pages, signalled=signal.SIGTERM):
    """Scripts one webhook, these pages, and a signal at the last."""
    left = list(pages)

    def answer(asked):
        if asked.method != "GET":
            return data(MADE)
        if len(left) == 1:
            os.kill(os.getpid(), signalled)
        return left.pop(0) if left else page()

    api.answers(answer)


def test_listen_forwards_each_once_and_oldest_first(api, run, receiver):
    late = SENT | {"id": "dlv_1", "event_id": "evt_0", "event_type": "system.alert",
                   "task_id": None}  # fmt: skip
    overtaken = SENT | {"id": "dlv_2", "event_type": "task.progress", "status": "overtaken"}
    newer = SENT | {"id": "dlv_3"}
    listened(api, page(newer, SENT), page(newer, SENT, overtaken, late), page(newer, late), page())
    receiver.answers(Answer(204), Answer(302, headers={"Location": "/b"}), Answer(500))
    done = run("listen", "--event", "task.*", "--forward", f"{receiver.url}/hook")
    made = api.asked[0].json
    secret = made.pop("secret")
    assert made == {
        "url": "https://example.com/kyros-webhooks-listen", "events": ["task.*"],
        "description": "kyros webhooks listen", "enabled": False,
    }  # fmt: skip
    assert api.asked[1].path == f"{PATH}/deliveries?limit=200"
    assert (api.asked[-1].method, api.asked[-1].path) == ("DELETE", PATH)
    assert done.exit_code == 143
    assert done.stdout.splitlines() == [
        f"The secret is {secret}",
        f"2026-11-22T23:32:00Z  task.completed        {TASK}",
        "  HTTP 204",
        f"2026-11-22T23:32:00Z  task.completed        {TASK}",
        "  HTTP 302",
        "2026-11-22T23:32:00Z  system.alert          -",
        "  HTTP 500",
    ]
    first, second, third = receiver.asked
    ids = [asked.headers["X-Kyros-Delivery"] for asked in (first, second, third)]
    assert ids == [DELIVERY, "dlv_3", "dlv_1"]
    assert (first.path, first.body) == ("/hook", SENT["body"].encode())
    expected = sign.headers(
        secret=secret, pending_secret=None, event_id="evt_1", event_type="task.completed",
        delivery_id=DELIVERY, timestamp=int(first.headers["webhook-timestamp"]), body=first.body,
    )  # fmt: skip
    assert expected.items() <= first.headers.items()


def test_listen_with_a_secret_of_ones_own_does_not_print_it(api, run, tmp_path):
    file = tmp_path / "secret"
    file.write_text("mine\n")
    listened(api, page(), page(), signalled=signal.SIGINT)
    done = run("listen", "--secret-file", str(file))
    assert api.asked[0].json["secret"] == "mine"
    assert api.asked[0].json["events"] == ["*"]
    assert (done.exit_code, done.stdout) == (130, "")
    assert api.asked[-1].method == "DELETE"


def test_listen_goes_on_when_nobody_receives(api, run, receiver):
    receiver.answers(Answer(drop=True))
    listened(api, page(SENT), page(), page())
    done = run("listen", "--forward", receiver.url)
    assert "  not received: " in done.stdout
    assert done.exit_code == 143


def test_listen_looks_further_back_where_all_are_new(api, run):
    many = [SENT | {"id": f"dlv_{number}"} for number in reversed(range(250))]
    first = page(*many[:200], more=True)
    listened(api, first, first, page(*many[200:]), page(), page())
    done = run("listen")
    assert len(done.stdout.splitlines()) == 251


def test_listen_deletes_its_webhook_when_it_fails(api, run):
    api.answers(data(MADE), refusal(403, "No."), refusal(403, "Never."))
    done = run("listen", "--secret-file", __file__)
    assert done.exit_code == 1
    assert api.asked[-1].method == "DELETE"
    assert f"kyros webhooks delete {ID}" in done.stderr
    assert "kyros: No.\n" in done.stderr
