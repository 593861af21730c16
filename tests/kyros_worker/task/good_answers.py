"""What a live model answers, in each role, when all is well."""

import json
import re

from kyros_worker.auth.subject import Subject
from tests import scripted_openai as scripted

WHO = Subject("key_0000000000002", "live", frozenset({"admin"}))
USED = {
    "prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100,
    "prompt_tokens_details": {"cached_tokens": 400},
    "completion_tokens_details": {"reasoning_tokens": 30},
}  # fmt: skip
MET = [{"criterion": "It works", "met": True, "evidence": "app.py"}]
DIFF = "--- a/app.py\n+++ b/app.py\n@@ -1 +1 @@\n-old\n+new\n"
GOOD = {
    "implementer": {"summary": "Drafted.", "changes": [
        {"path": "app.py", "action": "modify", "diff": DIFF}], "criteria": MET, "risks": [],
        "needs": [], "confidence": 0.7},
    "critic": {"decision": "approve", "score": 0.8, "summary": "Good.", "criteria": MET,
               "findings": [], "confidence": 0.7},
    "integrator": {"decision": "go", "summary": "Fits.", "changes": [], "criteria": MET,
                   "risks": [], "findings": [], "needs": [], "confidence": 0.7},
}  # fmt: skip


def role_of(request):
    return re.search(r"You are the (\w+)", request.body["messages"][0]["content"])[1]


def good(request):
    return scripted.chat(json.dumps(GOOD[role_of(request)]), usage=USED)
