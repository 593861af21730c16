import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros_worker.agent.unified_diff import appending, fault
from tests.programs import needed

LINE = "# a line"
texts = st.text(st.sampled_from("ab \n\r+-@\\\x0c\u2028")) | st.text()


@given(texts)
def test_an_appended_line_fits_every_text(text):
    assert fault(appending("a.py", text, LINE), text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "one",
        "one\n",
        "1\n2\n3\n4\n5\n",
        "1\n2\n3\n4\n5",
        "a\n\n\n",
        "a\r\nb\r\n",
        "x\x0cy",
    ],
)
def test_git_applies_what_is_written(text, tmp_path):
    needed("git")
    path = tmp_path / "a.py"
    path.write_bytes(text.encode())
    subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"],
        input=appending("a.py", text, LINE).encode(),
        cwd=tmp_path,
        check=True,
        env={"GIT_CEILING_DIRECTORIES": str(tmp_path.parent), "PATH": "/usr/bin:/bin"},
    )
    separator = "" if text in ("", "\n") or text.endswith("\n") else "\n"
    assert path.read_bytes() == f"{text}{separator}{LINE}\n".encode()


TEXT = "one\ntwo\nthree\nfour\nfive\n"


@pytest.mark.parametrize(
    "diff",
    [
        "--- a/f\n+++ b/f\n@@ -2,3 +2,3 @@\n two\n-three\n+3\n four\n",
        "@@ -2,3 +2,3 @@ def context():\n two\n-three\n+3\n four",
        "diff --git a/f b/f\nindex 1..2 100644\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-one\n+1\n",
        "@@ -99,1 +98,1 @@\n-two\n+2\n",
        "@@ -1,2 +1,1 @@\n one\n-two\n@@ -3,2 +2,3 @@\n three\n+3.5\n four\n",
        "@@ -0,0 +1,1 @@\n+zero\n",
        "@@ -4,2 +4,1 @@\r\n four\r\n-five\r\n",
        "@@ -5,1 +5,1 @@\n-five\n\\ No newline at end of file\n+5\n\\ No newline at end of file\n",
    ],
)
def test_a_diff_that_fits(diff):
    assert fault(diff, TEXT) is None


@pytest.mark.parametrize(
    ("diff", "words"),
    [
        ("", "no hunk"),
        ("--- a/f\n+++ b/f\n", "no hunk"),
        ("change two to 2", "outside of every hunk"),
        ("@@ ... @@\n-two\n+2\n", "outside of every hunk"),
        ("@@ -1,3 +1,3 @@\n one\n-two\n+2\n", "not as many"),
        ("@@ -1,1 +1,1 @@\n-one\n+1\n+2\n", "not as many"),
        ("@@ -1,2 +1,1 @@\n one\n+1\n", "not as many"),
        ("@@ -1,1 +1,1 @@\n-six\n+6\n", "old lines of hunk 1"),
        ("@@ -1,2 +1,1 @@\n one\n-three\n", "old lines of hunk 1"),
        ("@@ -1,1 +1,1 @@\n-two\n+2\n@@ -2,1 +2,1 @@\n-one\n+1\n", "old lines of hunk 2"),
    ],
)
def test_a_diff_that_does_not(diff, words):
    assert words in fault(diff, TEXT)


@given(texts, texts)
def test_any_text_is_judged(diff, text):
    for judged in (diff, f"@@ -1,2 +1,2 @@\n{diff}"):
        assert fault(judged, text) is None or fault(judged, text)


@given(st.lists(st.text(st.sampled_from("abc"))), st.text(st.sampled_from("xyz"), min_size=1))
def test_a_removed_line_that_the_text_has_not_is_found(lines, missing):
    diff = f"@@ -1,1 +1,1 @@\n-{missing}\n+new\n"
    assert re.search("old lines of hunk 1", fault(diff, "\n".join(lines)))
