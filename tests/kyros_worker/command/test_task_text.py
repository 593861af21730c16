from kyros_worker.command import task_text

RESULT = {
    "role": "integrator",
    "summary": "Two parts\nfit.",
    "decision": "go",
    "confidence": 0.9,
    "score": 0.8,
    "revisions": 1,
    "changes": [
        {
            "path": "a.py",
            "action": "modify",
            "content": None,
            "diff": "@@ -1 +1 @@\n-a\n+\x1b[2J\n",
        },
        {"path": "b.py", "action": "create", "content": "b = 1\n", "diff": None},
        {"path": "c.py", "action": "delete"},
    ],
    "criteria": [
        {"criterion": "It runs.", "met": True, "evidence": "It ran."},
        {"criterion": "It is fast.", "met": False, "evidence": "Not measured."},
    ],
    "findings": [{"severity": "low", "where": "a.py", "what": "A name is short."}],
    "risks": ["[bold]None[/bold]"],
    "needs": ["d.py"],
}

COMPLETED = """\
Add a limit
  task_17953903388844524678222  http://127.0.0.1:8000/tasks/task_17953903388844524678222
  completed
  implementation, priority medium, for the implementer
  created 2026-11-22T23:32:00Z, ended after 0:09, $0.0024 test-mode money, economy tier
  test mode: the sandbox model answers

Description
  As the guide says.

Summary
  Two parts
  fit.

Verdict
  decision go, score 0.8, confidence 0.9, revisions 1

Changes
  modify a.py
    | @@ -1 +1 @@
    | -a
    | +\\x1b[2J
  create b.py
    | b = 1
  delete c.py

Criteria
  met      It runs.
           It ran.
  NOT MET  It is fast.
           Not measured.

Findings
  low: a.py
      A name is short.

Risks
  - [bold]None[/bold]

Needs to see
  - d.py"""


def test_a_completed_task_with_its_result(make_task):
    task = make_task(
        9, state="completed", percentage=100, description="As the guide says.", result=RESULT,
        model_tier="economy", completed_at="2026-11-22T23:32:09.000000Z",
    )  # fmt: skip
    assert task_text.described(task) == COMPLETED


def test_a_task_at_work_says_where_it_is(make_task):
    text = task_text.described(make_task(3, state="running", stage="critic", percentage=33))
    assert "running, 33%, critic: At critic." in text
    assert "0:03 until its last change" in text


def test_a_failed_task_says_why(make_task):
    text = task_text.described(make_task(3, state="failed", error="No\x07.", mode="live"))
    assert text.endswith("Error\n  No\\x07.")
    assert "test" not in text


def test_a_result_of_a_form_of_its_own_is_shown_as_far_as_it_is_known():
    assert list(task_text.result({"answer": 42, "summary": "Done."})) == ["Summary\n  Done."]


def test_a_list_is_cut_at_the_width_of_the_terminal(make_task):
    tasks = [make_task(title="漢字 " * 50), make_task(type="x", title="\x1b[31m")]
    lines = task_text.table(tasks, 120).splitlines()
    assert [line.index(word) for line, word in zip(lines, ("title", "漢字", "\\x1b"), strict=True)]
    assert (
        len(
            {line.index(word) for line, word in zip(lines, ("title", "漢字", "\\x1b"), strict=True)}
        )
        == 1
    )
    assert lines[1].endswith("…")
    assert task_text.columns(lines[1]) <= 120
    assert "漢字 " * 49 in task_text.table(tasks, None)


def test_the_facts_of_a_timeline(make_task):
    def said(kind, data):
        item = {"seq": 5, "created_at": "2026-11-22T23:32:18.884452Z", "type": kind, "data": data}
        return task_text.event(item)

    call = {
        "role": "critic", "tier": "economy", "model": "sandbox-economy", "mode": "test",
        "input_tokens": 10, "output_tokens": 2, "cost_usd": 0.5, "error": None,
    }  # fmt: skip
    head = "2026-11-22T23:32:18Z     5  "
    assert said("task.progress", make_task(stage="critic", percentage=33)) == (
        f"{head}task.progress            33%  At critic."
    )
    assert said("call.completed", call) == (
        f"{head}call.completed          critic on sandbox-economy (economy): "
        "10 tokens in, 2 out, $0.5000 test-mode money"
    )
    failed = {**call, "input_tokens": None, "cost_usd": None, "error": "Time\nout."}
    assert said("call.failed", failed).endswith("(economy): Time out. cost not known")
    queued = {"submission_id": "sub_1", "role": "critic", "revision": 0, "x": {}, "worker": None}
    assert said("submission.queued", queued).endswith("role critic, revision 0")


def test_escalations_of_a_timeline():
    def said(status, **fields):
        data = {
            "id": "esc_1", "status": status, "role": "critic", "tier": "premium", "rule": "unsure",
            "reason": "It is unsure.", "requested_by": "system", "decided_by": "key_1",
            "comment": None, **fields,
        }  # fmt: skip
        item = {
            "created_at": "2026-11-22T23:32:00Z", "seq": 7, "type": f"escalation.{status}",
            "data": data,
        }  # fmt: skip
        return task_text.event(item).split("  ")[-1].strip()

    assert said("requested") == "esc_1 critic on premium, by rule unsure: It is unsure."
    asked = said("requested", rule=None, requested_by="key_2")
    assert asked == "esc_1 critic on premium, by key_2: It is unsure."
    assert said("approved", comment="Do it.") == "esc_1 by key_1: Do it."
    assert said("rejected") == "esc_1 by key_1"
    assert said("completed") == "esc_1"
